"""The public names, for Sphinx's own autodoc: it is told which they are."""

import leakcheck


def markdown() -> str:
    """Return a directive for each public name of the package."""
    functions = [name for name in leakcheck.__all__ if callable(getattr(leakcheck, name))]
    return "\n".join(f"```{{eval-rst}}\n.. autofunction:: leakcheck.{name}\n```\n" for name in functions)
