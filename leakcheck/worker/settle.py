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
    """Collect all garbage that calls have made, and clear the interpreter's type cache."""
    for _ in range(_MAX_COLLECTIONS):
        if not gc.collect():
            break
    _clear_internal_caches()


def set_aside() -> None:
    """Collect the whole heap, then set it aside, so that `settle` looks at what calls have made alone.

    A full collection costs milliseconds on a big heap, and before every reading it would cost more
    than the calls in between. Only what imports and set-up left may be set aside: entries of a cache
    that calls fill would never be collected once they are dropped, and a bounded cache would look
    like a leak.
    """
    gc.unfreeze()
    settle()
    gc.freeze()
