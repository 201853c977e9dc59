"""Settings: flags before the environment before pyproject.toml, and the small grammars of their values."""
