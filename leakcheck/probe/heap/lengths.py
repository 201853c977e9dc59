"""Which containers have grown: the lengths of all that there are, read again after each window of calls.

The containers are kept alive meanwhile, or an id could be taken over by another one; those that did
not grow in the first half are let go of then.
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
from leakcheck.probe.heap.container_types import AT_EXIT, UNTRACKED, ContainerType, kind_of
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

CHUNK = 5000
"""Objects whose referents are asked for at once: enough to be fast, too few to need much memory."""

_EXACT = (list, dict, set, deque)
_MANY = 300_000
_MOST_FALLEN = 0.1
_FEWEST_RISES = 2
_STILL_SHARE = 0.25
_FEWEST_MISSED = 3.5
_CHANCE = 0.05
_NEAR_TOP, _LONG_TRIMMED = 0.8, 0.5


class LengthGrowth(StrEnum):
    """How a length went on."""

    GROWING = "growing"
    STOPPED = "stopped"
    """It rose, and stood still at the end for longer than chance explains."""
    TRIMMED = "trimmed"
    """It rose, and has since been cut back now and then to no less than half, and never passed its top."""
    ONCE = "once"
    """It rose in one window alone: nothing by itself, but perhaps one of many."""


def growth_of(lengths: Sequence[int], windows: Sequence[int]) -> LengthGrowth | None:
    """Return how a container grew, from its length after so many windows of calls; None where it did not, or fell back.

    A length that falls now and then is one that somebody looks after: a tenth of the rise is forgiven.
    """
    steps = [later - earlier for earlier, later in pairwise(lengths)]
    gained = lengths[-1] - lengths[0]
    fallen = -sum(step for step in steps if step < 0)
    if gained <= 0:
        return None
    if fallen and _is_trimmed(lengths):
        return LengthGrowth.TRIMMED
    if fallen > _MOST_FALLEN * (gained + fallen):
        return None
    if sum(step > 0 for step in steps) < _FEWEST_RISES:
        return LengthGrowth.ONCE
    widths = [later - earlier for earlier, later in pairwise(windows)]
    moved = sum(widths[: max(place for place, step in enumerate(steps, 1) if step)])
    still = sum(widths) - moved
    # as many entries as it would have taken in meanwhile, had it gone on
    missed = gained / moved * still
    # the chance that as many windows in a row bring nothing, where each brings something as often as those before
    rising = sum(width for width, step in zip(widths, steps, strict=True) if step > 0) / moved
    chance = (1 - min(1.0, rising)) ** still
    if still >= _STILL_SHARE * sum(widths) and missed >= _FEWEST_MISSED and chance <= _CHANCE:
        return LengthGrowth.STOPPED
    return LengthGrowth.GROWING


def _is_trimmed(lengths: Sequence[int]) -> bool:
    top = max(lengths)
    reached = next(place for place, length in enumerate(lengths) if length >= _NEAR_TOP * top)
    after = lengths[reached:]
    return lengths[0] <= top / 2 and len(after) >= _LONG_TRIMMED * len(lengths) and min(after) >= top / 2


@dataclass(slots=True, eq=False)
class GrownContainer:
    """A container that has become longer."""

    container: Any
    kind: ContainerType
    gained: int
    growth: LengthGrowth
    top: int
    """The longest that it was at a reading."""

    @property
    def length(self) -> int:
        """Return its length now."""
        return self.kind.length(self.container)


@dataclass(slots=True, eq=False)
class _Group:
    """The containers of one type, and their lengths at each reading."""

    kind: ContainerType
    containers: list[Any]
    lengths: list["array[int]"]
    is_exact: bool

    def read(self) -> None:
        # of the exact type nobody has changed what len() does, and it takes half the time
        length = len if self.is_exact else self.kind.length
        self.lengths.append(array("q", map(length, self.containers)))

    def forget_the_rest(self) -> None:
        rose = list(map(gt, self.lengths[-1], self.lengths[0]))
        self.containers = list(compress(self.containers, rose))
        self.lengths = [array("q", compress(row, rose)) for row in self.lengths]

    def grown(self, windows: Sequence[int]) -> Iterator[GrownContainer]:
        for place, container in enumerate(self.containers):
            lengths = [row[place] for row in self.lengths]
            growth = growth_of(lengths, windows)
            if growth is not None:
                yield GrownContainer(container, self.kind, lengths[-1] - lengths[0], growth, max(lengths))


class ContainerLengths:
    """The lengths of all containers that exist when this is made."""

    def __init__(self, objects: list[Any], budget: SearchBudget) -> None:
        kinds = _kinds_of(objects)
        groups: dict[int, list[Any]] = {cls: [] for cls in kinds}
        for container in compress(objects, map(kinds.__contains__, map(id, map(type, objects)))):
            groups[id(type(container))].append(container)
        self._find_untracked(objects, kinds, groups, budget)
        exact = frozenset(map(id, _EXACT))
        self._groups = [_Group(kinds[cls], containers, [], cls in exact) for cls, containers in groups.items()]
        self._groups.append(_Group(AT_EXIT, [atexit], [], False))
        self._windows: list[int] = []
        # each reading looks at memory all over the heap
        self.is_big = sum(map(len, groups.values())) > _MANY
        """Whether a reading costs so much that there should be few before most are let go of."""
        self.read(0)

    def _find_untracked(
        self, objects: list[Any], kinds: dict[int, ContainerType], groups: dict[int, list[Any]], budget: SearchBudget
    ) -> None:
        """Add what the collector does not list but what it lists refers to."""
        for cls in UNTRACKED:
            kind = kind_of(cls)
            assert kind is not None
            kinds.setdefault(id(cls), kind)
            groups.setdefault(id(cls), [])
        wanted = frozenset(map(id, UNTRACKED))
        seen: set[int] = set()
        for start in range(0, len(objects), CHUNK):
            if budget.is_spent():
                return
            referents = introspect.referents(objects[start : start + CHUNK])
            found = compress(referents, map(wanted.__contains__, map(id, map(type, referents))))
            for container in filterfalse(gc.is_tracked, found):
                if id(container) not in seen:
                    seen.add(id(container))
                    groups[id(type(container))].append(container)

    def read(self, windows: int) -> None:
        """Read all lengths once more, after so many windows."""
        self._windows.append(windows)
        for group in self._groups:
            group.read()

    def forget_the_rest(self) -> None:
        """Let go of those that have not become longer so far."""
        for group in self._groups:
            group.forget_the_rest()

    def grown(self) -> list[GrownContainer]:
        """Return what grew, the one that gained most entries first."""
        found = [grown for group in self._groups for grown in group.grown(self._windows)]
        return sorted(found, key=lambda grown: -grown.gained)


def _kinds_of(objects: list[Any]) -> dict[int, ContainerType]:
    """Return how to handle each type of container among the objects, by the type's id."""
    # by ids: a metaclass may have a __hash__ and an __eq__ of its own
    types = dict(zip(map(id, map(type, objects)), map(type, objects), strict=True))
    found = {key: kind_of(cls) for key, cls in types.items()}
    return {key: kind for key, kind in found.items() if kind is not None}
