"""Which candidates are reported, and in which order; and when the search ends."""

import pytest

from leakcheck.probe.heap.container_types import container_type_of
from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.retention import search
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.search import ranked
from leakcheck.probe.retention.watch import WatchedCalls

CALLS = 100
GROWN_BYTES = 100_000.0


def candidate(name: str, weight: float | None, *, estimated: float = 0.0) -> RetentionCandidate:
    path = NamedPath([{"step": name, "type": "list"}], 1, name, "")
    return RetentionCandidate(path, bytes=weight, estimated_bytes=estimated)


def container(
    name: str, weight: float | None, growth: LengthGrowth = LengthGrowth.GROWING, *, estimated: float = 0.0
) -> RetentionCandidate:
    row = container_type_of(list)
    assert row is not None
    result = candidate(name, weight, estimated=estimated)
    result.grown = [GrownContainer([0] * 100, row, 50, growth, 100)]
    return result


def names(*candidates: RetentionCandidate) -> list[str]:
    return [candidate.path.name for candidate in ranked(candidates, GROWN_BYTES, CALLS)]


def test_the_candidate_that_explains_most_comes_first() -> None:
    assert names(candidate("little", 20_000), candidate("much", 75_000)) == ["much", "little"]


def test_a_candidate_that_explains_less_than_a_hundredth_is_left_out() -> None:
    assert names(candidate("all", 99_000), candidate("dust", 900)) == ["all"]
    assert names(container("unweighed", None), container("lighter", None)) == ["unweighed", "lighter"]


def test_a_candidate_that_explains_twice_the_growth_is_left_out() -> None:
    # GIVEN a batch that these calls happened to fill, and the leak beside it
    assert names(container("batch", 250_000), container("leak", 95_000)) == ["leak"]


def test_a_stopped_container_has_to_explain_more() -> None:
    assert names(container("leak", 90_000), container("filled", 4_000, LengthGrowth.STOPPED)) == ["leak"]
    assert names(container("filled", 6_000, LengthGrowth.STOPPED)) == ["filled"]


def test_an_unweighed_candidate_is_reported_while_the_others_explain_too_little() -> None:
    unweighed = container("threads", None, estimated=50_000)
    assert names(unweighed, candidate("native code", 12_000)) == ["threads", "native code"]
    assert names(unweighed, candidate("leak", 80_000)) == ["leak"]


def test_a_table_without_a_name_gives_way_to_a_candidate_with_one() -> None:
    table = container("a list", 90_000)
    table.is_rooted = False
    assert names(table, container("held.TEXT", 89_000)) == ["held.TEXT"]
    assert names(table) == ["a list"]


def test_a_weak_registry_gives_way_to_what_retains_its_entries() -> None:
    weak = container("asyncio.tasks._all_tasks.data", 10_000)
    weak.is_weak = True
    assert names(weak, container("held.TASKS", 80_000)) == ["held.TASKS"]
    assert names(weak) == ["asyncio.tasks._all_tasks.data"]


def test_a_weak_registry_that_explains_most_is_reported() -> None:
    weak = container("held.BY_KEY", 70_000)
    weak.is_weak = True
    assert names(weak, container("held.LOG", 10_000)) == ["held.BY_KEY", "held.LOG"]
    assert names(weak, container("held.TINY", 25_000)) == ["held.TINY"]


@pytest.mark.parametrize(("weight", "is_reported"), [(800, False), (1200, True)])
def test_a_hundredth_of_the_growth_is_reported(weight: int, is_reported: bool) -> None:
    assert ("small" in names(candidate("all", 98_000), candidate("small", weight))) is is_reported


@pytest.mark.parametrize(("weight", "is_reported"), [(40, False), (60, True)])
def test_less_than_half_a_byte_per_call_is_not_reported(weight: float, is_reported: bool) -> None:
    """GIVEN a growth of a kilobyte in a hundred calls."""
    assert bool(ranked([candidate("held.BITS", weight)], 1000.0, CALLS)) is is_reported


@pytest.mark.parametrize(("weight", "is_reported"), [(40_000, True), (60_000, False)])
def test_an_unweighed_candidate_is_reported_until_half_of_the_growth_is_explained(
    weight: float, is_reported: bool
) -> None:
    assert ("threads" in names(container("threads", None), candidate("leak", weight))) is is_reported


def test_a_candidate_that_explains_half_as_much_again_may_be_the_leak() -> None:
    assert names(container("leak", 150_000)) == ["leak"]


@pytest.mark.parametrize(("gained", "growth"), [(12, LengthGrowth.ONCE), (20, LengthGrowth.STOPPED)])
def test_a_container_that_rose_at_once_by_sixteen_entries_filled_up(gained: int, growth: LengthGrowth) -> None:
    filled = container("cache", None, LengthGrowth.ONCE)
    filled.grown[0].gained = gained
    watched = watched_calls(grown=filled.grown)
    search._reclassify(watched, True)
    assert watched.grown[0].growth is growth


def watched_calls(
    *, calls: int = CALLS, python_bytes: int | None = 0, grown: list[GrownContainer] | None = None
) -> WatchedCalls:
    return WatchedCalls(calls, 0, grown or [], frozenset(), frozenset(), True, python_bytes, [])


@pytest.mark.parametrize(
    ("python_bytes", "weight", "is_native"), [(4000, 0, True), (6000, 0, False), (0, 8000, True), (0, 12_000, False)]
)
def test_a_growth_is_native_if_python_holds_less_than_a_tenth_of_it(
    python_bytes: int, weight: float, is_native: bool
) -> None:
    """GIVEN bytes of Python's in the second half of the calls, or those that a candidate explains."""
    watched, weighed = watched_calls(python_bytes=python_bytes), [candidate("held.TINY", weight)]
    assert search._is_only_native(weighed, watched, GROWN_BYTES, SearchBudget(60)) is is_native


@pytest.mark.parametrize(("weight", "goes_on"), [(85_000, True), (95_000, False)])
def test_the_search_goes_on_until_nine_tenths_are_explained(
    weight: float, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a container that explains some of the growth, and something that has no length
    monkeypatch.setattr(search, "container_candidates", lambda *_: [container("held.LOG", None)])
    monkeypatch.setattr(search, "weigh_containers", lambda *_: [container("held.LOG", weight)])
    monkeypatch.setattr(search, "_anchored_candidates", lambda *_: [candidate("held.TEXT", 10_000)])
    *_, last = search._search(lambda _: None, lambda: 0, watched_calls(), GROWN_BYTES, SearchBudget(60), False)
    assert (len(last["holders"]) == 2) is goes_on


def test_the_fields_are_per_call() -> None:
    fields = container("held.ROWS", 90_000).fields(CALLS)
    assert fields["bytes_per_call"] == 900
    assert fields["container"] == {
        "name": "held.ROWS",
        "kind": "",
        "where": "",
        "length": 100,
        "length_per_call": 0.5,
        "limit": None,
        "stopped": False,
    }


def test_a_stopped_container_has_its_length_as_its_limit() -> None:
    fields = container("held.ROWS", 90_000, LengthGrowth.STOPPED).fields(CALLS)
    assert (fields["container"]["limit"], fields["container"]["stopped"]) == (100, True)
