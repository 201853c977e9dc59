"""What the tests of the documentation begin with."""

collect_ignore = ["shop", "site"]
"""What pages are tried on: projects of their own."""
