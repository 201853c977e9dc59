"""Follow the lengths of all containers in the process, read again after each window of calls, to find those that grow.

The containers are kept alive meanwhile, or an id could be reused by another one; those that did not grow in the first
half of the calls are dropped then.
"""

import atexit
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress, filterfalse, pairwise
from operator import gt
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import AT_EXIT, CONTAINER_TYPES, ContainerType, container_type_of
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

CHUNK = 5000  # any value from 1000 to 50000 does: a list of so many is made at a time
"""Objects whose referents are requested at once: enough to be fast, few enough not to need much memory."""

_EXACT_TYPES = (list, dict, set, deque)
_MANY_CONTAINERS = 300_000  # any value from 100000 to 1000000 does: readings only become fewer
_MAX_LOST_SHARE = 0.1
_MIN_RISES = 2
_MIN_IDLE_SHARE = 0.25
_MIN_MISSED = 3.5
_MAX_CHANCE = 0.05
_NEAR_PEAK, _MIN_TRIMMED_SHARE = 0.8, 0.5


class LengthGrowth(StrEnum):
    """How a length developed."""

    GROWING = "growing"
    STOPPED = "stopped"
    """It rose, and then stood still for longer than chance explains."""
    TRIMMED = "trimmed"
    """It rose, and was then cut back now and then to no less than half of its peak, which it never exceeded again."""
    ONCE = "once"
    """It rose in a single window: nothing by itself, but it may be one of many."""


def growth_of(lengths: Sequence[int], windows: Sequence[int]) -> LengthGrowth | None:
    """Return how a container grew, given its length after so many windows of calls; None if it did not, or fell back.

    A container whose length falls now and then is pruned; a tenth of the rise is tolerated.
    """
    steps = [later - earlier for earlier, later in pairwise(lengths)]
    gained = lengths[-1] - lengths[0]
    lost = -sum(step for step in steps if step < 0)
    if gained <= 0:
        return None
    if lost and _is_trimmed(lengths):
        return LengthGrowth.TRIMMED
    if lost > _MAX_LOST_SHARE * (gained + lost):
        return None
    if sum(step > 0 for step in steps) < _MIN_RISES:
        return LengthGrowth.ONCE
    widths = [later - earlier for earlier, later in pairwise(windows)]
    active = sum(widths[: max(index for index, step in enumerate(steps, 1) if step)])
    idle = sum(widths) - active
    # the entries that it would have gained meanwhile at its earlier rate
    missed = gained / active * idle
    # the chance that none of the last windows adds an entry, if each does so as often as the earlier ones did
    rising_share = sum(width for width, step in zip(widths, steps, strict=True) if step > 0) / active
    chance = (1 - min(1.0, rising_share)) ** idle
    if idle >= _MIN_IDLE_SHARE * sum(widths) and missed >= _MIN_MISSED and chance <= _MAX_CHANCE:
        return LengthGrowth.STOPPED
    return LengthGrowth.GROWING


def _is_trimmed(lengths: Sequence[int]) -> bool:
    top = max(lengths)
    start = next(index for index, length in enumerate(lengths) if length >= _NEAR_PEAK * top)
    after = lengths[start:]
    return lengths[0] <= top / 2 and len(after) >= _MIN_TRIMMED_SHARE * len(lengths) and min(after) >= top / 2


@dataclass(slots=True, eq=False)
class GrownContainer:
    """A container that has become longer."""

    container: Any
    container_type: ContainerType
    gained: int
    growth: LengthGrowth
    peak: int

    @property
    def length(self) -> int:
        """Return the current length."""
        return self.container_type.length(self.container)


@dataclass(slots=True, eq=False)
class _Group:
    container_type: ContainerType
    containers: list[Any]
    lengths: list["array[int]"]
    is_exact: bool

    def read(self) -> None:
        # of the exact type no subclass has overridden __len__, and len() takes half the time
        length = len if self.is_exact else self.container_type.length
        self.lengths.append(array("q", map(length, self.containers)))

    def drop_unchanged(self) -> None:
        has_grown = list(map(gt, self.lengths[-1], self.lengths[0]))
        self.containers = list(compress(self.containers, has_grown))
        self.lengths = [array("q", compress(row, has_grown)) for row in self.lengths]

    def grown(self, windows: Sequence[int]) -> Iterator[GrownContainer]:
        for index, container in enumerate(self.containers):
            lengths = [row[index] for row in self.lengths]
            growth = growth_of(lengths, windows)
            if growth is not None:
                yield GrownContainer(container, self.container_type, lengths[-1] - lengths[0], growth, max(lengths))


class ContainerLengths:
    """The lengths of all containers that exist when this is created."""

    def __init__(self, objects: list[Any], budget: SearchBudget) -> None:
        types = _types_of(objects)
        groups: dict[int, list[Any]] = {type_id: [] for type_id in types}
        for container in compress(objects, map(types.__contains__, map(id, map(type, objects)))):
            groups[id(type(container))].append(container)
        self._find_untracked(objects, types, groups, budget)
        exact_ids = frozenset(map(id, _EXACT_TYPES))
        self._groups = [
            _Group(types[type_id], containers, [], type_id in exact_ids) for type_id, containers in groups.items()
        ]
        self._groups.append(_Group(AT_EXIT, [atexit], [], False))
        self._windows: list[int] = []
        # each reading touches memory all over the heap
        self.is_big = sum(map(len, groups.values())) > _MANY_CONTAINERS
        """Whether a reading is so expensive that there should be few of them before most containers are dropped."""
        self.read(0)

    def _find_untracked(
        self, objects: list[Any], types: dict[int, ContainerType], groups: dict[int, list[Any]], budget: SearchBudget
    ) -> None:
        """Add containers that the collector does not list, but that listed objects refer to."""
        untracked = [row for row in CONTAINER_TYPES if row.untracked_in_search]
        for row in untracked:
            types.setdefault(id(row.base), row)
            groups.setdefault(id(row.base), [])
        type_ids = frozenset(id(row.base) for row in untracked)
        visited: set[int] = set()
        for start in range(0, len(objects), CHUNK):
            if budget.is_spent():
                return
            referents = introspect.referents(objects[start : start + CHUNK])
            candidates = compress(referents, map(type_ids.__contains__, map(id, map(type, referents))))
            for container in filterfalse(gc.is_tracked, candidates):
                if id(container) not in visited:
                    visited.add(id(container))
                    groups[id(type(container))].append(container)

    def read(self, windows: int) -> None:
        """Read all lengths after so many windows."""
        self._windows.append(windows)
        for group in self._groups:
            group.read()

    def drop_unchanged(self) -> None:
        """Drop the containers that have not become longer so far."""
        for group in self._groups:
            group.drop_unchanged()

    def grown(self) -> list[GrownContainer]:
        """Return the containers that grew, the one that gained most entries first."""
        result = [grown for group in self._groups for grown in group.grown(self._windows)]
        return sorted(result, key=lambda grown: -grown.gained)


def _types_of(objects: list[Any]) -> dict[int, ContainerType]:
    # by ids: a metaclass may define __hash__ and __eq__
    types = dict(zip(map(id, map(type, objects)), map(type, objects), strict=True))
    rows = {type_id: container_type_of(cls) for type_id, cls in types.items()}
    return {type_id: row for type_id, row in rows.items() if row is not None}
