"""Replay calls in windows, and tell what they have left: containers that grew, and objects that are new."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from typing import Any

from leakcheck.probe.heap.lengths import ContainerLengths, GrownContainer
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_WINDOWS = 8
_MOST_NEW = 3_000_000

Replay = Callable[[int], None]
ReadPython = Callable[[], int | None]


@dataclass(slots=True, eq=False)
class WatchedCalls:
    """What the calls have left."""

    calls: int
    objects: int
    """How many there were before."""
    grown: list[GrownContainer]
    early: frozenset[int]
    """Ids of what was made in the first half of the calls; some of it may be gone."""
    late: frozenset[int]
    is_known: bool
    """False where the user's code has thawed the heap, or left too much: then nobody knows what is new."""
    python_bytes: int | None
    """Added by the second half of the calls to what Python's allocator has handed out; None where it is unknown."""
    new: list[Any]
    """The objects that the collector tracks and that were not there before; ours are among them."""

    def look_again(self) -> None:
        """Collect what the halves left uncollected, since each was set aside after it, and list what is new now."""
        self.new.clear()
        settle()
        self.new += _among(self.early | self.late)

    @property
    def ids(self) -> frozenset[int]:
        """Return the ids of all that is new."""
        return self.early | self.late


def _among(ids: frozenset[int]) -> list[Any]:
    objects = gc.get_objects()
    return list(compress(objects, map(ids.__contains__, map(id, objects))))


def watch(replay: Replay, calls: int, budget: SearchBudget, python: ReadPython = lambda: None) -> WatchedCalls:
    """Replay calls and compare; what was there before is set aside, so that what is left over is new."""
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
        # window by window: what is noted in between is ours
        if window > windows // 2:
            after = python()
            known = before is not None and after is not None and python_bytes is not None
            python_bytes = python_bytes + after - before if known else None  # type: ignore[operator]
        if window >= windows // 2 or not lengths.is_big:
            lengths.read(window)
        if window == windows // 2:
            lengths.drop_unchanged()
        if window == windows // 2 or window == windows:
            halves.append(frozenset(map(id, gc.get_objects())))
            # the user's code has thawed what was set aside
            is_known &= id(canary) not in halves[-1]
            # set aside too: an id that became free in one half may be taken over in the next
            gc.freeze()
    gc.unfreeze()
    grown = lengths.grown()
    del lengths  # or its lists would be among what is new, and keep what they list
    if is_known and sum(map(len, halves)) > _MOST_NEW:
        is_known, budget.stopped_by = False, "memory"
    if not is_known:
        halves.clear()
    early, late = (halves[0] - halves[1], halves[1]) if len(halves) == 2 else (frozenset(), frozenset().union(*halves))
    return WatchedCalls(
        calls // windows * windows, count, grown, early, late, is_known, python_bytes, _among(early | late)
    )
