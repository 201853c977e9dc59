"""Bring the process to rest before a reading: garbage collected, internal caches cleared."""

import gc
import sys
from collections.abc import Callable

_MAX_COLLECTIONS = 3
"""A finalizer can make new garbage for ever; what is left after three rounds is the user's."""


def _find_cache_clearer() -> Callable[[], None]:
    clear: Callable[[], None] | None = getattr(sys, "_clear_internal_caches", None)
    return clear or sys._clear_type_cache


_clear_internal_caches = _find_cache_clearer()


def settle() -> None:
    """Collect all garbage made since the last `thaw`, and clear the interpreter's type cache."""
    for _ in range(_MAX_COLLECTIONS):
        if not gc.collect():
            break
    _clear_internal_caches()


def thaw() -> None:
    """Collect the whole heap once, then set it aside, so that `settle` looks at new objects alone.

    A full collection costs milliseconds on a big heap, and before every reading it would cost more
    than the calls in between. What was set aside is looked at again at each thaw, which comes
    ever more rarely, so that a cycle among old objects is missed for that long at most.
    """
    gc.unfreeze()
    settle()
    gc.freeze()
