"""The pytest plugin, in pytest processes of its own."""
