"""A module a command, as Django wants it."""
