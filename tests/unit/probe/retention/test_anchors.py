"""Places in old objects that lead to new ones: which grow, and which are one."""

import pytest

from leakcheck.probe.heap.new_objects import ReachableObjects
from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.retention.anchors import ReferenceAnchor, merge_anchors, sources_of_long
from leakcheck.probe.retention.watch import WatchedCalls

HELD: list[str] = []


def anchor(*ids: int, early_share: float = 0.5) -> ReferenceAnchor:
    return ReferenceAnchor([], ReachableObjects(frozenset(ids), 100 * len(ids)), early_share)


@pytest.mark.parametrize(
    ("early_share", "is_steady"), [(0.1, False), (0.2, True), (0.5, True), (0.8, True), (0.9, False)]
)
def test_a_place_grows_that_keeps_objects_of_early_and_of_late_calls(early_share: float, is_steady: bool) -> None:
    assert anchor(1, 2, early_share=early_share).is_steady is is_steady
    assert anchor(1, 2, early_share=early_share).is_replaced is (early_share < 0.15)


@pytest.mark.parametrize(("shared", "places"), [(7, 2), (9, 1)])
def test_two_places_are_one_if_they_lead_to_mostly_the_same_objects(shared: int, places: int) -> None:
    heavy, light = anchor(*range(20)), anchor(*range(shared), *range(100, 110 - shared))
    assert len(merge_anchors([heavy, light])) == places


@pytest.mark.parametrize(
    ("size", "grown_bytes", "is_found"),
    [(800, 100.0, False), (1200, 100.0, True), (25_000, 100_000.0, False), (35_000, 100_000.0, True)],
)
def test_a_text_is_a_part_of_the_growth_from_a_kilobyte_and_three_tenths_of_it_on(
    size: int, grown_bytes: float, is_found: bool
) -> None:
    HELD[:] = ["x" * size]
    watched = WatchedCalls(10_000, 0, [], frozenset(), frozenset(), True, None, [])
    search = ReferrerSearch(SearchBudget(60))
    sources = sources_of_long(watched, frozenset(), grown_bytes, search)
    assert any(source is HELD for source, _ in sources) is is_found
