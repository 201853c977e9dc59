"""The public names, for Sphinx's own autodoc: it is told which they are."""

import inspect
from enum import Enum

import leakcheck

_COMPARED = ("__call__", "__le__", "__lt__", "__ge__", "__gt__", "__float__")


def markdown() -> str:
    """Return a directive for each public name of the package, functions first."""
    public = {name: getattr(leakcheck, name) for name in leakcheck.__all__ if not name.startswith("_")}
    return "\n".join(
        _directive(name, public[name]) for name in sorted(public, key=lambda n: inspect.isclass(public[n]))
    )


def _directive(name: str, public: type) -> str:
    if not inspect.isclass(public):
        lines = [f"autofunction:: leakcheck.{name}"]
    elif issubclass(public, BaseException):
        lines = [f"autoexception:: leakcheck.{name}()", ":show-inheritance:"]
    elif issubclass(public, Enum):
        lines = [f"autoclass:: leakcheck.{name}()", ":members:", ":undoc-members:"]
    else:  # the fields of a dataclass are in the run document
        special = [method for method in _COMPARED if method in vars(public)]
        lines = [f"autoclass:: leakcheck.{name}()", *([f":special-members: {', '.join(special)}"] if special else [])]
    inner = "\n   ".join(lines)
    return f"```{{eval-rst}}\n.. {inner}\n```\n"
