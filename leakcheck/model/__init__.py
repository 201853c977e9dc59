"""The data that travels or is kept: run document, protocol, errors, units. The standard library alone."""
