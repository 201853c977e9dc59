"""The public names, for Sphinx's own autodoc: it is told which they are."""

import leakcheck
from leakcheck.model.result import Growth

_COMPARISONS = ("__le__", "__lt__", "__ge__", "__gt__", "__float__")


def markdown() -> str:
    """Return a directive for each public name of the package."""
    return "\n".join(
        _directive(f"autofunction:: leakcheck.{name}")
        for name in leakcheck.__all__
        if callable(getattr(leakcheck, name))
    )


def fixture() -> str:
    """Return what the fixture is called with, and what the growth that it returns compares with."""
    return "\n".join(
        [
            _directive("automethod:: leakcheck.pytest_plugin.plugin.Leakcheck.__call__"),
            _directive(f"autoclass:: {Growth.__module__}.Growth", f":special-members: {', '.join(_COMPARISONS)}"),
        ]
    )


def _directive(*lines: str) -> str:
    inner = "\n   ".join(lines)
    return f"```{{eval-rst}}\n.. {inner}\n```\n"
