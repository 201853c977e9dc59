"""Bring the process to rest before a reading: threads done with the calls, garbage collected, caches cleared."""

import sys
from collections.abc import Callable
from time import sleep

from leakcheck.probe.meters import resources
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_MAX_COLLECTIONS = 3
"""A finalizer can make new garbage for ever; what is left after three rounds is the user's."""

_NAP_SECONDS = 0.0005
_MOST_NAPS = 8
"""A thread that never rests is not waited for any longer. Naps are counted, for the user's code may stop clocks."""


def _find_cache_clearer() -> Callable[[], None]:
    clear: Callable[[], None] | None = getattr(sys, "_clear_internal_caches", None)
    return clear or sys._clear_type_cache


_clear_internal_caches = _find_cache_clearer()
_count_threads = resources.threads()
_count_blocks = sys.getallocatedblocks


def settle() -> None:
    """Let other threads finish what calls gave them, collect all garbage, and clear the interpreter's type cache."""
    _let_threads_finish()
    for _ in range(_MAX_COLLECTIONS):
        if not gc.collect():
            break
    _clear_internal_caches()


def _let_threads_finish() -> None:
    """Wait until this thread is alone, or until the others leave the heap as it is, but never long.

    A call that has work done by a thread goes on as soon as the result is there. What the thread then
    still holds (the work, its arguments, itself) is in one reading and not in the next, as chance will have
    it: 8 KB of Python's and 35 KB of malloc's for an async view of Django's that asks the database.
    """
    if _count_threads() == resources.MAIN_ALONE:
        return
    threads = blocks = -1
    for _ in range(_MOST_NAPS):
        before = threads, blocks
        sleep(_NAP_SECONDS)
        threads, blocks = _count_threads(), _count_blocks()
        if threads == resources.MAIN_ALONE or (threads, blocks) == before:
            return


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
