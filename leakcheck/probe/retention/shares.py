"""What growing containers explain, each by itself and those that share entries together: a copy empties them."""

from collections.abc import Callable, Sequence

from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.heap.weigh import Release, weigh
from leakcheck.probe.originals import BUILTINS
from leakcheck.probe.retention.candidate import ContainerOwner, RetentionCandidate
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_ENOUGH = 0.9
MOST_SHARE = 2.0
"""What explains twice the growth is no part of it: a tooth that these calls happened to climb."""

SHARED = 1.2
_FEWEST_WEIGHED, _MOST_SHARING = 6, 6
_NEARLY_ALL = 0.9
"""Of what an owner explains: a container that holds as much by itself is the one to name."""

_HALF = 0.5
Weigh = Callable[[Sequence[RetentionCandidate]], float | None]


def explained(found: Sequence[RetentionCandidate], grown_bytes: float) -> float:
    """Return the bytes that some holders explain together, but for those that explain too much to be true."""
    return sum(one.bytes for one in found if one.bytes is not None and one.bytes <= MOST_SHARE * grown_bytes)


def weigh_containers(
    found: Sequence[RetentionCandidate],
    grown_bytes: float,
    watched: WatchedCalls,
    heap: Callable[[], int],
    budget: SearchBudget,
) -> list[RetentionCandidate]:
    """Weigh those of one owner together, each other container by itself, and then those that still share entries.

    Return them with what has one owner taken together.
    """

    known = list(found)

    def weigh_some(some: Sequence[RetentionCandidate]) -> float | None:
        let_go = emptier(some)

        def alone() -> Callable[[int, float | None], float]:
            # what we have in hand would stay: the table of a container is a container too
            watched.grown.clear()
            for one in known:
                one.counted.clear()
                if one not in some:
                    one.grown.clear()
            return let_go()

        return weigh(alone, watched.new, heap, budget.left, is_mixed=takes_all(some))

    together = by_owner(found, grown_bytes, weigh_some)
    known.extend(one for one in together if one not in found)
    for place, one in enumerate(together):
        if one.bytes is None and (place < _FEWEST_WEIGHED or not budget.is_half_spent()):
            _weigh_alone(one, weigh_some)
    credit_shared(together, grown_bytes, weigh_some)
    return together


def _weigh_alone(one: RetentionCandidate, weigh_some: Weigh) -> None:
    weight = weigh_some([one])
    if weight is not None:
        one.bytes, one.weighed = max(0.0, weight), "emptied"


def by_owner(found: Sequence[RetentionCandidate], grown_bytes: float, weigh_some: Weigh) -> list[RetentionCandidate]:
    """Return the holders, those of one owner as that owner where it explains more than the heaviest of them.

    Owners come first, because they save weighing each of their containers.
    """
    groups: dict[int, tuple[ContainerOwner, list[RetentionCandidate]]] = {}
    for one in found:
        if one.owner is not None:
            groups.setdefault(id(one.owner), (one.owner, []))[1].append(one)
    kept = list(found)
    for owner, members in groups.values():
        weight = weigh_some(members) if len(members) > 1 else None
        # what explains too much to be true would make its owner do so too
        if weight is None or weight > MOST_SHARE * grown_bytes:
            continue
        heaviest = max(members, key=lambda one: one.reckoned_bytes)
        _weigh_alone(heaviest, weigh_some)
        if (heaviest.bytes or 0.0) < _NEARLY_ALL * weight:
            kept = [one for one in kept if one not in members]
            kept.append(_taken_together(owner, members, weight))
    return kept


def _taken_together(owner: ContainerOwner, members: Sequence[RetentionCandidate], weight: float) -> RetentionCandidate:
    itself = owner.itself if owner.itself in members else None
    return RetentionCandidate(
        owner.told,
        [grown for one in members for grown in one.grown],
        owner.kind,
        where=owner.where,
        objects=sum(one.objects for one in members),
        reckoned_bytes=sum(one.reckoned_bytes for one in members),
        bytes=max(0.0, weight),
        weighed="emptied",
        is_rooted=any(one.is_rooted for one in members),
        is_library=all(one.is_library for one in members),
        kept=next((one.kept for one in members if one.kept is not None), None),
        counted=[] if itself is None else list(itself.grown),
    )


def credit_shared(found: Sequence[RetentionCandidate], grown_bytes: float, weigh_some: Weigh) -> None:
    """Give what no container frees alone, because others hold it too, to one of those that do."""
    weighed = [one for one in found if one.bytes is not None and not one.is_weak][:_MOST_SHARING]
    apart = explained(weighed, grown_bytes)
    if len(weighed) < 2 or apart >= _ENOUGH * grown_bytes:
        return
    together = weigh_some(weighed)
    if together is None or not SHARED * apart < together <= MOST_SHARE * grown_bytes:
        return
    shared = together - apart
    sharing = weighed
    if len(weighed) > 2:
        # without one that holds it too, it stays
        without = {id(one): weigh_some([other for other in weighed if other is not one]) for one in weighed}
        lacking = {key: together - weight for key, weight in without.items() if weight is not None}
        sharing = [one for one in weighed if lacking.get(id(one), 0.0) - (one.bytes or 0.0) >= _HALF * shared]
    # the user's own rather than the standard library's, which keeps what it was given
    first = min(sharing or weighed, key=lambda one: (one.is_library, one.told.anchor, -one.reckoned_bytes))
    first.bytes, first.weighed = (first.bytes or 0.0) + shared, "emptied"


def takes_all(found: Sequence[RetentionCandidate]) -> bool:
    """Return whether emptying takes old entries out as well."""
    return any(grown.container_type.removes_all for one in found for grown in one.grown)


def emptier(found: Sequence[RetentionCandidate]) -> Release:
    """Return what takes out the new entries, and then tells from the bytes set free what they explain.

    A table keeps its size, or gives up more than the new entries' part of it; so it is set apart, and
    counted by the share of the entries that are new.
    """

    def let_go() -> Callable[[int, float | None], float]:
        tables = kept = gained = cleared = 0.0
        for one in (grown for each in found for grown in each.grown):
            own, length = one.container_type.own_bytes(one.container), max(1, one.length)
            one.container_type.remove_newest(one.container, one.gained)
            tables += own * one.gained / length
            kept += own - one.container_type.own_bytes(one.container)
            gained += one.gained
            cleared += length

        def count(freed: int, new_share: float | None) -> float:
            share = (gained / cleared if new_share is None else new_share) if takes_all(found) else 1.0
            return share * (freed - kept) + tables

        return count

    return let_go
