"""Which candidates are reported, and in which order; containers of one owner; shared entries."""

from collections.abc import Sequence

from leakcheck.probe.heap.container_types import container_type_of
from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.retention.candidate import ContainerOwner, RetentionCandidate
from leakcheck.probe.retention.search import ranked
from leakcheck.probe.retention.shares import credit_shared, merge_owned

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


def give_owner(*members: RetentionCandidate) -> None:
    owner = ContainerOwner(NamedPath([{"step": "held.APP", "type": "App"}], 1, "held.APP", ""), "App", "in .a and .b")
    for member in members:
        member.owner = owner


def weights_after_merging(
    weights: dict[frozenset[str], float], *members: RetentionCandidate
) -> list[tuple[str, float | None]]:
    """Return the weights of candidates after merging, given what each set of them explains."""

    def weigh_some(some: Sequence[RetentionCandidate]) -> float | None:
        return weights.get(frozenset(candidate.path.name for candidate in some))

    result = merge_owned(members, GROWN_BYTES, weigh_some)
    for candidate in result:
        candidate.bytes = weigh_some([candidate]) if candidate.bytes is None else candidate.bytes
    credit_shared(result, GROWN_BYTES, weigh_some)
    return sorted((candidate.path.name, candidate.bytes) for candidate in result)


def test_containers_of_one_owner_that_share_entries_are_merged() -> None:
    a, b = container("held.APP.a", None), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): 8000.0, frozenset({"held.APP.b"}): 9000.0}
    assert weights_after_merging({**weights, frozenset({"held.APP.a", "held.APP.b"}): 95_000.0}, a, b) == [
        ("held.APP", 95_000.0)
    ]


def test_an_owner_gives_way_to_the_one_container_that_explains_nearly_all() -> None:
    a, b = container("held.APP.a", None, estimated=80_000), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): 90_000.0, frozenset({"held.APP.b"}): 5000.0}
    candidatet = weights_after_merging({**weights, frozenset({"held.APP.a", "held.APP.b"}): 95_000.0}, a, b)
    assert candidatet == [("held.APP.a", 90_000.0), ("held.APP.b", 5000.0)]


def test_a_batch_that_explains_too_much_is_not_merged_with_its_owners_leak() -> None:
    a, b = container("held.APP.a", None), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): 95_000.0, frozenset({"held.APP.b"}): 250_000.0}
    candidatet = weights_after_merging({**weights, frozenset({"held.APP.a", "held.APP.b"}): 345_000.0}, a, b)
    assert [name for name, _ in candidatet] == ["held.APP.a", "held.APP.b"]


def test_bytes_that_two_containers_share_are_not_credited_to_a_third() -> None:
    # GIVEN a list of the user's with entries of its own, and two of a library's that share theirs
    own, first, second = container("held.LOG", None), container("lib.A", None), container("lib.B", None)
    weights = {
        frozenset({"held.LOG"}): 5000.0,
        frozenset({"lib.A"}): 3000.0,
        frozenset({"lib.B"}): 2000.0,
        frozenset({"held.LOG", "lib.A"}): 8000.0,
        frozenset({"held.LOG", "lib.B"}): 7000.0,
        frozenset({"lib.A", "lib.B"}): 85_000.0,
        frozenset({"held.LOG", "lib.A", "lib.B"}): 90_000.0,
    }
    candidatet = dict(weights_after_merging(weights, own, first, second))
    assert candidatet["held.LOG"] == 5000.0
    assert candidatet["lib.A"] == 83_000.0


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
