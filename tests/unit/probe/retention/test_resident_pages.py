"""Weighing by resident pages, with an allocator that is made up: it takes pages, and uses again what was freed."""

from collections.abc import Callable

import pytest

from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.retention import resident_pages
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.resident_pages import PageWeighing, weigh_pages
from tests.unit.probe.retention.test_search import container

CALLS = 100
GROWN_BYTES = 1_000_000.0


class Allocator:
    """An allocator whose pages stay resident when they are freed, and are used again."""

    def __init__(self, bytes_per_call: float) -> None:
        self._bytes_per_call = bytes_per_call
        self._used = self._free = 0.0

    def replay(self, calls: int) -> None:
        needed = calls * self._bytes_per_call
        reused = min(self._free, needed)
        self._free -= reused
        self._used += needed - reused

    def used(self) -> int:
        return int(self._used)

    def candidate(self, name: str, share: float) -> RetentionCandidate:
        """Return a reference that retains a share of the growth."""

        def clear() -> None:
            self._free += share * GROWN_BYTES

        return RetentionCandidate(NamedPath([{"step": name, "type": "list"}], 1, name, ""), clear=clear)


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PageWeighing]:
    """Weigh candidates with an allocator, without napping."""

    def weigh(allocator: Allocator, *candidates: RetentionCandidate) -> PageWeighing:
        monkeypatch.setattr(resident_pages, "_used_bytes", allocator.used)
        monkeypatch.setattr(resident_pages, "sleep", lambda _: None)
        return weigh_pages(candidates, allocator.replay, CALLS, GROWN_BYTES, SearchBudget(60))

    return weigh


@pytest.mark.parametrize(("reproduced", "is_emptied"), [(0.4, False), (0.6, True)])
def test_nothing_is_emptied_unless_calls_reproduce_half_of_the_growth(
    reproduced: float, is_emptied: bool, weighed: Callable[..., PageWeighing]
) -> None:
    allocator = Allocator(reproduced * GROWN_BYTES / CALLS)
    assert weighed(allocator, allocator.candidate("held.TEXT", 1.0)).emptied is is_emptied


@pytest.mark.parametrize(("share", "is_weighed"), [(0.04, False), (0.06, True)])
def test_a_candidate_explains_at_least_a_twentieth(
    share: float, is_weighed: bool, weighed: Callable[..., PageWeighing]
) -> None:
    allocator = Allocator(GROWN_BYTES / CALLS)
    candidate = allocator.candidate("held.TEXT", share)
    weighed(allocator, candidate)
    assert candidate.bytes == (pytest.approx(share * GROWN_BYTES) if is_weighed else None)


@pytest.mark.parametrize(("first_share", "second_is_weighed"), [(0.8, True), (0.95, False)])
def test_candidates_are_emptied_until_nine_tenths_are_explained(
    first_share: float, second_is_weighed: bool, weighed: Callable[..., PageWeighing]
) -> None:
    allocator = Allocator(GROWN_BYTES / CALLS)
    first, second = allocator.candidate("held.A", first_share), allocator.candidate("held.B", 0.1)
    weighed(allocator, first, second)
    assert (second.bytes is not None) is second_is_weighed


@pytest.mark.parametrize(("gained", "is_emptied"), [(4, False), (6, True)])
def test_a_container_is_emptied_that_gains_an_entry_in_twenty_calls(
    gained: int, is_emptied: bool, weighed: Callable[..., PageWeighing]
) -> None:
    rows = container("held.ROWS", None)
    rows.grown[0].gained = gained
    assert weighed(Allocator(GROWN_BYTES / CALLS), rows).emptied is is_emptied
