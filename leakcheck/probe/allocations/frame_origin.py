"""Whose code a file is: the user's own, a library's, or ours and the tracer's, which nobody wants to see."""

import sysconfig
from functools import lru_cache

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

OWN, LIBRARY, NATIVE = "own", "library", "native"
"""The values of `explanation.FrameKind`, which is not loaded here."""

PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_TRACERS = frozenset({"memray", "tracemalloc.py"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def _standard_library() -> tuple[str, ...]:
    said = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    # a link in the path of an interpreter is kept in some of its files' names and resolved in others
    return tuple({path + os.sep for one in said if one for path in (one, os.path.realpath(one))})


_STANDARD_LIBRARY = _standard_library()


@lru_cache(maxsize=4096)
def kind_of(file: str) -> str | None:
    """Return the kind of a Python frame by its file's name; None for ours and the tracer's.

    `<string>` and its like are a library's: code that is made up by dataclasses, namedtuples or
    templates has no line that anybody could look at, and whoever called it has.
    """
    if file.startswith(PACKAGE):
        return None
    parts = file.split(os.sep)
    if _INSTALLED.intersection(parts):
        package = parts[max(parts.index(name) for name in _INSTALLED if name in parts) + 1]
        return None if package in _TRACERS else LIBRARY
    if file.startswith(_STANDARD_LIBRARY):
        return None if parts[-1] in _TRACERS else LIBRARY
    return LIBRARY if file.startswith("<") else OWN
