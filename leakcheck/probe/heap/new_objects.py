"""What the calls have made and left: new objects, how far one leads among them, and what that takes."""

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_CODE = FunctionType.__dict__["__code__"]
_MOST_SHARED = 24
"""An untracked object with more references than this is taken for one that was there before: an interned string."""


@dataclass(frozen=True, slots=True)
class ReachableObjects:
    """The new objects that can be come at from somewhere."""

    ids: frozenset[int]
    """Of those that the collector tracks."""
    bytes: int
    """With the strings, numbers and buffers that they refer to."""


def reach(starts: Iterable[Any], new: Collection[int], most: int) -> ReachableObjects:
    """Follow references from some objects through new ones only, to at most so many.

    What the collector does not track is counted where few refer to it: whether it is new nobody knows.
    """
    seen: set[int] = set()
    tracked: set[int] = set()
    total = 0
    frontier = list(starts)
    while frontier and len(seen) < most:
        further = []
        for one in frontier:
            key = id(one)
            if key in seen:
                continue
            seen.add(key)
            if key in new:
                tracked.add(key)
                further.append(one)
            elif gc.is_tracked(one) or sys.getrefcount(one) > _MOST_SHARED:
                continue
            else:
                # an untracked tuple or dictionary may hold more
                further.append(one)
            total += introspect.size_of(one)
        frontier = introspect.referents(further)
    return ReachableObjects(frozenset(tracked), total)


def heaviest_way(entry: object, new: Collection[int], most_steps: int) -> list[Any]:
    """Return what an entry leads to, step by step, as long as one thing makes up half of what is left.

    Of an exception that is its traceback, then a frame, then a local variable of that frame.
    """
    way: list[Any] = []
    here, weight = entry, reach([entry], new, _MOST_LOOKED_AT).bytes
    passed = {id(entry)}
    while len(way) < most_steps and id(here) in new:
        ahead = [one for one in introspect.referents((here,))[:_MOST_CHILDREN] if id(one) not in passed]
        if type(here) is FrameType:
            # from 3.12 on it refers to the function that it runs, which says no more than the frame does
            ahead = [one for one in ahead if type(one) is not FunctionType or _CODE.__get__(one) is not here.f_code]
        # without what has been passed: a cycle leads back to everything
        rest = _Without(new, passed)
        weights = [(reach([one], rest, _MOST_LOOKED_AT).bytes, one) for one in ahead]
        if not weights:
            break
        most, best = max(weights, key=lambda pair: pair[0])
        if most < weight / 2 or most < _LEAST_BYTES:
            break
        way.append(best)
        passed.add(id(best))
        here, weight = best, most
    if way and introspect.namespace(entry if len(way) == 1 else way[-2]) is way[-1]:
        way.pop()  # where attributes lie is no step of its own
    return way


_MOST_LOOKED_AT = 2000
_MOST_CHILDREN = 50
_LEAST_BYTES = 64


class _Without(Collection[int]):
    """Some ids but for others."""

    def __init__(self, ids: Collection[int], without: Collection[int]) -> None:
        self._ids = ids
        self._without = without

    def __contains__(self, key: object) -> bool:
        return key in self._ids and key not in self._without

    def __iter__(self) -> Any:
        return iter(key for key in self._ids if key not in self._without)

    def __len__(self) -> int:
        return len(self._ids)


def sample(entries: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many entries, evenly from all."""
    step = max(1, len(entries) // most)
    return list(entries[::step][:most])
