"""Settle the process before a reading: other threads done with the calls, garbage collected, caches cleared."""

import sys
from collections.abc import Callable
from time import sleep

from leakcheck.probe.meters.counted import threads
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_MAX_COLLECTIONS = 3  # any value from 2 to 10 does: a finalizer may make garbage forever, which is the user's
_NAP_SECONDS = 0.0005  # any value from 0.0001 to 0.005 does: a thread finishes in microseconds
_MAX_NAPS = 8  # any value from 4 to 40 does: a thread that never rests costs so many naps
"""A thread that never rests is waited for no longer. Naps are counted, not timed: the user's code may patch clocks."""


_clear_internal_caches: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
_count_threads = threads.reader()
_count_blocks = sys.getallocatedblocks


def settle() -> None:
    """Let other threads finish the work of the calls, collect all garbage, and clear internal caches."""
    _let_threads_finish()
    collect_garbage()
    _clear_internal_caches()


def collect_garbage() -> None:
    """Collect what is garbage, and what finalizers make of it."""
    for _ in range(_MAX_COLLECTIONS):
        if not gc.collect():
            break


def _let_threads_finish() -> None:
    """Wait until this is the only thread, or until the others leave the heap unchanged, but never long.

    A call that hands work to a thread goes on as soon as the result is there. What the thread still holds then (the
    work, its arguments, itself) would be in one reading and not in the next: 8 KB of Python's memory and 35 KB of
    malloc's for an async view of Django's that queries the database.
    """
    if _count_threads() == threads.MAIN_ALONE:
        return
    count = blocks = -1
    for _ in range(_MAX_NAPS):
        before = count, blocks
        sleep(_NAP_SECONDS)
        count, blocks = _count_threads(), _count_blocks()
        if count == threads.MAIN_ALONE or (count, blocks) == before:
            return


def freeze_heap() -> None:
    """Collect the whole heap, then freeze it, so that `settle` visits only what calls have made.

    A full collection takes milliseconds on a large heap, and before every reading that would take longer than the calls
    in between. Only what imports and set-up left may be frozen: a frozen entry of a cache that calls fill would never
    be collected once it is dropped, and a bounded cache would look like a leak.
    """
    gc.unfreeze()
    settle()
    gc.freeze()
