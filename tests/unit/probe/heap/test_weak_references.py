"""When entries count as weak references, and when as what is retained."""

import weakref

import pytest

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.weak_references import lists_weakly


class Thing:
    pass


OLD = Thing()


@pytest.mark.parametrize(("valid", "is_weak"), [(2, False), (3, True)])
def test_half_of_the_references_must_lead_to_new_objects(valid: int, is_weak: bool) -> None:
    things = [Thing() for _ in range(valid)]
    references = [weakref.ref(thing) for thing in things] + [weakref.ref(OLD, print) for _ in range(5 - valid)]
    assert lists_weakly(references, frozenset(map(id, (*things, *references)))) is is_weak


@pytest.mark.parametrize(("ratio", "is_weak"), [(1.5, True), (2.5, False)])
def test_entries_may_take_twice_as_much_as_their_references(ratio: float, is_weak: bool) -> None:
    # GIVEN references with keys of some bytes
    things = [Thing() for _ in range(5)]
    references = [weakref.ref(thing) for thing in things]
    key_bytes = round((ratio - 1) * introspect.size_of(references[0]))
    keys = [bytes([number]) * (key_bytes - introspect.size_of(b"")) for number in range(5)]
    assert lists_weakly([*references, *keys], frozenset(map(id, (*things, *references)))) is is_weak
