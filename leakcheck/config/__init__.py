"""Settings from pyproject.toml, the environment and flags, and the grammars of their values."""
