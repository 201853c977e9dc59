"""New objects, which calls have left: what is reachable through them, and how many bytes that takes."""

import sys
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_CODE = FunctionType.__dict__["__code__"]
_MAX_REFERENCES = 24  # any value from 8 to 100 does: a new string has few references, an interned one hundreds
"""An untracked object with more references than this counts as old, such as an interned string."""

_MAX_VISITED = 2000  # any value from 500 to 20000 does: it costs time
_MAX_REFERENTS = 50  # any value from 20 to 500 does: it costs time


@dataclass(frozen=True, slots=True)
class ReachableObjects:
    """The new objects that are reachable from some start."""

    ids: frozenset[int]
    """Ids of those that the collector tracks."""
    bytes: int
    """Includes the strings, numbers and buffers that they refer to."""


def reach(starts: Iterable[Any], new: Container[int], most: int) -> ReachableObjects:
    """Follow references from some objects through new ones only, visiting at most so many.

    Objects that the collector does not track are included if they have few references: whether they are new is unknown.
    """
    visited: set[int] = set()
    tracked: set[int] = set()
    total = 0
    frontier = list(starts)
    while frontier and len(visited) < most:
        next_frontier = []
        for candidate in frontier:
            candidate_id = id(candidate)
            if candidate_id in visited:
                continue
            visited.add(candidate_id)
            if candidate_id in new:
                tracked.add(candidate_id)
                next_frontier.append(candidate)
            elif gc.is_tracked(candidate) or sys.getrefcount(candidate) > _MAX_REFERENCES:
                continue
            else:
                # an untracked tuple or dictionary may refer to more
                next_frontier.append(candidate)
            total += introspect.size_of(candidate)
        frontier = introspect.referents(next_frontier)
    return ReachableObjects(frozenset(tracked), total)


def heaviest_path(entry: object, new: Container[int], most_steps: int) -> list[Any]:
    """Return the path that an entry leads to, for as long as a single object makes up half of the remaining bytes.

    For an exception that is its traceback, then a frame, then a local variable of that frame.
    """
    path: list[Any] = []
    current, weight = entry, reach([entry], new, _MAX_VISITED).bytes
    visited = {id(entry)}
    while len(path) < most_steps and id(current) in new:
        successors = [
            successor for successor in introspect.referents((current,))[:_MAX_REFERENTS] if id(successor) not in visited
        ]
        if type(current) is FrameType:
            # from 3.12 on a frame refers to its function, which says no more than the frame does
            successors = [
                successor
                for successor in successors
                if type(successor) is not FunctionType or _CODE.__get__(successor) is not current.f_code
            ]
        # without visited objects: a cycle leads back to everything
        unvisited = _Difference(new, visited)
        weights = [(reach([successor], unvisited, _MAX_VISITED).bytes, successor) for successor in successors]
        if not weights:
            break
        best_bytes, heaviest = max(weights, key=lambda pair: pair[0])
        if best_bytes < weight / 2:
            break
        path.append(heaviest)
        visited.add(id(heaviest))
        current, weight = heaviest, best_bytes
    if path and introspect.namespace(entry if len(path) == 1 else path[-2]) is path[-1]:
        path.pop()  # the dictionary of an object's attributes is no step of its own
    return path


class _Difference(Container[int]):
    """Ids without some others, not copied."""

    def __init__(self, ids: Container[int], without: Container[int]) -> None:
        self._ids = ids
        self._without = without

    def __contains__(self, key: object) -> bool:
        return key in self._ids and key not in self._without


def sample(entries: Sequence[Any], count: int) -> list[Any]:
    """Return at most so many entries, spread evenly."""
    step = max(1, len(entries) // count)
    return list(entries[::step][:count])
