"""Containers of one owner, and entries that several containers share."""

from collections.abc import Sequence

import pytest

from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.retention.candidate import ContainerOwner, RetentionCandidate
from leakcheck.probe.retention.shares import credit_shared, merge_owned
from tests.unit.probe.retention.test_search import GROWN_BYTES, container


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


@pytest.mark.parametrize(("heaviest", "named"), [(76_000.0, ["held.APP"]), (90_000.0, ["held.APP.a", "held.APP.b"])])
def test_an_owner_is_named_unless_one_container_explains_nine_tenths_of_it(heaviest: float, named: list[str]) -> None:
    a, b = container("held.APP.a", None, estimated=80_000), container("held.APP.b", None)
    give_owner(a, b)
    weights = {frozenset({"held.APP.a"}): heaviest, frozenset({"held.APP.b"}): 5000.0}
    merged = weights_after_merging({**weights, frozenset({"held.APP.a", "held.APP.b"}): 95_000.0}, a, b)
    assert [name for name, _ in merged] == named


@pytest.mark.parametrize(
    ("each", "together", "credited"),
    [
        (42_500.0, 105_000.0, 62_500.0),
        (47_500.0, 120_000.0, 47_500.0),  # they explain nearly all as it is
        (30_000.0, 66_000.0, 30_000.0),  # a tenth more may be chance
        (30_000.0, 90_000.0, 60_000.0),
    ],
)
def test_what_two_containers_free_only_together_is_credited_if_it_is_much_and_missing(
    each: float, together: float, credited: float
) -> None:
    weights = {frozenset({"held.A"}): each, frozenset({"held.B"}): each, frozenset({"held.A", "held.B"}): together}
    result = dict(weights_after_merging(weights, container("held.A", None), container("held.B", None)))
    assert result["held.A"] == credited


def test_shared_bytes_are_credited_to_one_that_refers_to_half_of_them() -> None:
    # GIVEN 15 KB that three free alone and 85 KB that they share, of which the user's list refers to 40 %
    own, first, second = container("held.LOG", None), container("lib.A", None), container("lib.B", None)
    first.is_library = second.is_library = True
    names = frozenset({"held.LOG", "lib.A", "lib.B"})
    weights = {frozenset({name}): 5000.0 for name in names}
    weights[names] = 100_000.0
    for name, share in (("held.LOG", 0.4), ("lib.A", 0.6), ("lib.B", 0.6)):
        weights[names - {name}] = 100_000 - 5000 - share * 85_000
    # THEN those of the library are named that refer to 60 %
    result = dict(weights_after_merging(weights, own, first, second))
    assert result == {"held.LOG": 5000.0, "lib.A": 90_000.0, "lib.B": 5000.0}
