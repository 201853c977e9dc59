"""Which of what was found is told, and in which order."""

from collections.abc import Sequence

from leakcheck.probe.heap.container_types import container_type_of
from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.retention.candidate import ContainerOwner, RetentionCandidate
from leakcheck.probe.retention.search import ranked
from leakcheck.probe.retention.shares import by_owner, credit_shared

CALLS = 100
GREW = 100_000.0


def found(name: str, explains: float | None, *, reckoned: float = 0.0) -> RetentionCandidate:
    told = NamedPath([{"step": name, "type": "list"}], 1, name, "")
    return RetentionCandidate(told, bytes=explains, reckoned_bytes=reckoned)


def container(
    name: str, explains: float | None, growth: LengthGrowth = LengthGrowth.GROWING, *, reckoned: float = 0.0
) -> RetentionCandidate:
    kind = container_type_of(list)
    assert kind is not None
    one = found(name, explains, reckoned=reckoned)
    one.grown = [GrownContainer([0] * 100, kind, 50, growth, 100)]
    return one


def names(*candidates: RetentionCandidate) -> list[str]:
    return [one.told.name for one in ranked(candidates, GREW, CALLS)]


def test_what_explains_most_comes_first() -> None:
    assert names(found("little", 20_000), found("much", 75_000)) == ["much", "little"]


def test_what_explains_less_than_a_hundredth_is_left_out_unless_nothing_could_be_weighed() -> None:
    assert names(found("all", 99_000), found("dust", 900)) == ["all"]
    assert names(container("unweighed", None), container("lighter", None)) == ["unweighed", "lighter"]


def test_what_explains_twice_the_growth_is_no_part_of_it() -> None:
    # GIVEN a batch that these calls happened to fill, and the leak beneath it
    assert names(container("batch", 250_000), container("leak", 95_000)) == ["leak"]


def test_what_stood_still_has_to_explain_more() -> None:
    assert names(container("leak", 90_000), container("filled", 4_000, LengthGrowth.STOPPED)) == ["leak"]
    assert names(container("filled", 6_000, LengthGrowth.STOPPED)) == ["filled"]


def test_what_could_not_be_weighed_is_kept_while_much_is_open() -> None:
    unweighed = container("threads", None, reckoned=50_000)
    assert names(unweighed, found("native code", 12_000)) == ["threads", "native code"]
    assert names(unweighed, found("leak", 80_000)) == ["leak"]


def test_a_table_without_a_name_gives_way_to_what_has_one() -> None:
    table = container("a list", 90_000)
    table.is_rooted = False
    assert names(table, container("held.TEXT", 89_000)) == ["held.TEXT"]
    assert names(table) == ["a list"]


def test_a_weak_registry_gives_way_to_what_keeps_its_entries() -> None:
    weak = container("asyncio.tasks._all_tasks.data", 10_000)
    weak.is_weak = True
    assert names(weak, container("held.TASKS", 80_000)) == ["held.TASKS"]
    assert names(weak) == ["asyncio.tasks._all_tasks.data"]


def test_a_weak_registry_that_explains_most_is_named_all_the_same() -> None:
    weak = container("held.BY_KEY", 70_000)
    weak.is_weak = True
    assert names(weak, container("held.LOG", 10_000)) == ["held.BY_KEY", "held.LOG"]
    assert names(weak, container("held.TINY", 25_000)) == ["held.TINY"]


def give_owner(*members: RetentionCandidate) -> None:
    owner = ContainerOwner(NamedPath([{"step": "held.APP", "type": "App"}], 1, "held.APP", ""), "App", "in .a and .b")
    for one in members:
        one.owner = owner


def together(weights: dict[frozenset[str], float], *members: RetentionCandidate) -> list[tuple[str, float | None]]:
    """Weigh holders, given what each set of them explains."""

    def weigh_some(some: Sequence[RetentionCandidate]) -> float | None:
        return weights.get(frozenset(one.told.name for one in some))

    kept = by_owner(members, GREW, weigh_some)
    for one in kept:
        one.bytes = weigh_some([one]) if one.bytes is None else one.bytes
    credit_shared(kept, GREW, weigh_some)
    return sorted((one.told.name, one.bytes) for one in kept)


def test_what_containers_of_one_owner_share_is_their_owners() -> None:
    a, b = container("held.APP.a", None), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): 8000.0, frozenset({"held.APP.b"}): 9000.0}
    assert together({**weights, frozenset({"held.APP.a", "held.APP.b"}): 95_000.0}, a, b) == [("held.APP", 95_000.0)]


def test_an_owner_gives_way_to_the_one_container_that_holds_nearly_all() -> None:
    a, b = container("held.APP.a", None, reckoned=80_000), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): 90_000.0, frozenset({"held.APP.b"}): 5000.0}
    found = together({**weights, frozenset({"held.APP.a", "held.APP.b"}): 95_000.0}, a, b)
    assert found == [("held.APP.a", 90_000.0), ("held.APP.b", 5000.0)]


def test_a_batch_that_explains_too_much_does_not_take_its_owners_leak_along() -> None:
    a, b = container("held.APP.a", None), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): 95_000.0, frozenset({"held.APP.b"}): 250_000.0}
    found = together({**weights, frozenset({"held.APP.a", "held.APP.b"}): 345_000.0}, a, b)
    assert [name for name, _ in found] == ["held.APP.a", "held.APP.b"]


def test_what_two_share_is_not_credited_to_a_third() -> None:
    # GIVEN a list of the user's that has its own entries, beside two of a library's that share theirs
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
    found = dict(together(weights, own, first, second))
    assert found["held.LOG"] == 5000.0
    assert found["lib.A"] == 83_000.0


def test_the_fields_are_figures_a_call() -> None:
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


def test_what_stood_still_has_its_length_as_its_limit() -> None:
    fields = container("held.ROWS", 90_000, LengthGrowth.STOPPED).fields(CALLS)
    assert (fields["container"]["limit"], fields["container"]["stopped"]) == (100, True)
