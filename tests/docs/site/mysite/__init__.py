"""A small Django site, as a reader of the guide may have one. Pages of the guide are tried on a copy of it."""
