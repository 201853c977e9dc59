"""What native code retains: many objects, or one that a chain of others hangs on."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.retention.chains import native_candidates
from leakcheck.probe.retention.watch import WatchedCalls

CALLS = 1000


class Node:
    def __init__(self, next_node: "Node | None" = None) -> None:
        self.next_node = next_node


@contextmanager
def held_natively(*objects: object) -> Iterator[None]:
    """Hold some references to objects that no Python object has."""
    increase, decrease = ctypes.pythonapi.Py_IncRef, ctypes.pythonapi.Py_DecRef
    for held in objects:
        for _ in range(4):
            increase(ctypes.py_object(held))
    try:
        yield
    finally:
        for held in objects:
            for _ in range(4):
                decrease(ctypes.py_object(held))


def found(new: list[Any]) -> int:
    """Return how many candidates there are; half of the objects are of early calls."""
    ids = list(map(id, new))
    early = frozenset(ids[::2])
    watched = WatchedCalls(CALLS, 0, [], early, frozenset(ids) - early, True, None, new)
    return len(native_candidates(watched, frozenset(ids), [], ReferrerSearch(SearchBudget(60))))


@pytest.mark.parametrize(("count", "candidates"), [(15, 0), (25, 1)])
def test_objects_that_native_code_retains_are_a_leak_from_one_in_fifty_calls_on(count: int, candidates: int) -> None:
    new = [Node() for _ in range(count)]
    with held_natively(*new):
        assert found(new) == candidates


@pytest.mark.parametrize(("length", "candidates"), [(400, 0), (600, 1)])
def test_a_chain_that_native_code_retains_is_a_leak_from_an_object_in_two_calls_on(
    length: int, candidates: int
) -> None:
    new = [Node()]
    for _ in range(length - 1):
        new.append(Node(new[-1]))
    with held_natively(new[-1]):
        assert found(new) == candidates
