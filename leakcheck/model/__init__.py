"""Data that is stored or sent between processes: run document, protocol, errors, units. Standard library only."""
