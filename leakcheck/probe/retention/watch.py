"""Replay calls in windows, and collect what they have left: containers that grew, and new objects."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from typing import Any

from leakcheck.probe.heap.lengths import ContainerLengths, GrownContainer
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_WINDOWS = 8  # any value from 4 to 16 does: the rules for lengths take shares of the windows
_MAX_NEW = 3_000_000  # any value from 1000000 to 10000000 does: sets of so many ids take 200 MB

Replay = Callable[[int], None]
ReadPython = Callable[[], int | None]


@dataclass(slots=True, eq=False)
class WatchedCalls:
    """What the calls have left."""

    calls: int
    objects: int
    """How many objects there were before."""
    grown: list[GrownContainer]
    early: frozenset[int]
    """Ids of objects made in the first half of the calls; some may have been freed."""
    late: frozenset[int]
    is_known: bool
    """False if the user's code has unfrozen the heap, or left too many objects: then it is unknown what is new."""
    python_bytes: int | None
    """Bytes that the second half of the calls added to Python's allocator; None if unknown."""
    new: list[Any]
    """The new objects that the collector tracks; leakcheck's own are among them."""

    def refresh(self) -> None:
        """Collect garbage, since each half was frozen after it, and list the objects that are new now."""
        self.new.clear()
        settle()
        self.new += _objects_with(self.early | self.late)

    @property
    def ids(self) -> frozenset[int]:
        """Return the ids of all new objects."""
        return self.early | self.late


def _objects_with(ids: frozenset[int]) -> list[Any]:
    objects = gc.get_objects()
    return list(compress(objects, map(ids.__contains__, map(id, objects))))


def watch(replay: Replay, calls: int, budget: SearchBudget, python: ReadPython = lambda: None) -> WatchedCalls:
    """Replay calls and return what they left; existing objects are frozen first, so that the rest is new."""
    gc.unfreeze()
    settle()
    objects = gc.get_objects()
    count = len(objects)
    lengths = ContainerLengths(objects, budget)
    del objects
    windows = max(1, min(_WINDOWS, calls))
    halves: list[frozenset[int]] = []
    is_known = True
    python_bytes: int | None = 0
    canary: list[object] = []
    gc.freeze()
    for window in range(1, windows + 1):
        before = python()
        budget.pause()
        replay(calls // windows)
        budget.resume()
        settle()
        # window by window: objects made in between are leakcheck's
        if window > windows // 2:
            after = python()
            is_read = before is not None and after is not None and python_bytes is not None
            python_bytes = python_bytes + after - before if is_read else None  # type: ignore[operator]
        if window >= windows // 2 or not lengths.is_big:
            lengths.read(window)
        if window == windows // 2:
            lengths.drop_unchanged()
        if window == windows // 2 or window == windows:
            halves.append(frozenset(map(id, gc.get_objects())))
            # the user's code has unfrozen the heap
            is_known &= id(canary) not in halves[-1]
            # frozen too: an id that became free in one half may be reused in the next
            gc.freeze()
    gc.unfreeze()
    grown = lengths.grown()
    del lengths  # or its lists would be among the new objects, and keep their entries alive
    if is_known and sum(map(len, halves)) > _MAX_NEW:
        is_known, budget.stopped_by = False, "memory"
    if not is_known:
        halves.clear()
    early, late = (halves[0] - halves[1], halves[1]) if len(halves) == 2 else (frozenset(), frozenset().union(*halves))
    return WatchedCalls(
        calls // windows * windows, count, grown, early, late, is_known, python_bytes, _objects_with(early | late)
    )
