"""Weigh what growing containers explain, each by itself and those that share entries together: a copy empties them."""

from collections.abc import Callable, Sequence

from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.heap.weigh import Release, weigh
from leakcheck.probe.originals import BUILTINS
from leakcheck.probe.retention.candidate import ContainerOwner, RetentionCandidate
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_ENOUGH = 0.9
MAX_SHARE = 2.0
"""More than this multiple of the growth is no part of it, but a sawtooth that was climbing during these calls."""

SHARED_RATIO = 1.2
_MIN_WEIGHED, _MAX_SHARING = 6, 6  # any value from 3 to 20 does: the heaviest come first
_NEARLY_ALL = 0.9
"""Share of what an owner explains: a container that holds as much by itself is the one to name."""

_MIN_SHARE_OF_SHARED = 0.5
Weigh = Callable[[Sequence[RetentionCandidate]], float | None]


def explained(candidates: Sequence[RetentionCandidate], grown_bytes: float) -> float:
    """Return the bytes that some candidates explain together, except those that explain too much to be true."""
    weights = (candidate.bytes for candidate in candidates if candidate.bytes is not None)
    return sum(weight for weight in weights if weight <= MAX_SHARE * grown_bytes)


def weigh_containers(
    candidates: Sequence[RetentionCandidate],
    grown_bytes: float,
    watched: WatchedCalls,
    heap: Callable[[], int],
    budget: SearchBudget,
) -> list[RetentionCandidate]:
    """Weigh containers of one owner together, each other container by itself, and then those that still share entries.

    Return the candidates, those of one owner merged.
    """
    known = list(candidates)

    def weigh_some(group: Sequence[RetentionCandidate]) -> float | None:
        release = release_of_containers(group)

        def alone() -> Callable[[int, float | None], float]:
            # our own references would keep the entries: a container's inner table is a container too
            watched.grown.clear()
            for candidate in known:
                candidate.counted.clear()
                if candidate not in group:
                    candidate.grown.clear()
            return release()

        return weigh(alone, watched.new, heap, budget.left, is_mixed=removes_all(group))

    result = merge_owned(candidates, grown_bytes, weigh_some)
    known.extend(candidate for candidate in result if candidate not in candidates)
    for index, candidate in enumerate(result):
        if candidate.bytes is None and (index < _MIN_WEIGHED or not budget.is_half_spent()):
            _weigh_alone(candidate, weigh_some)
    credit_shared(result, grown_bytes, weigh_some)
    return result


def _weigh_alone(candidate: RetentionCandidate, weigh_some: Weigh) -> None:
    weight = weigh_some([candidate])
    if weight is not None:
        candidate.bytes, candidate.weighed = max(0.0, weight), "emptied"


def merge_owned(
    candidates: Sequence[RetentionCandidate], grown_bytes: float, weigh_some: Weigh
) -> list[RetentionCandidate]:
    """Return the candidates, merged by owner where the owner explains more than its heaviest container.

    Owners are weighed first, because that saves weighing each of their containers.
    """
    groups: dict[int, tuple[ContainerOwner, list[RetentionCandidate]]] = {}
    for candidate in candidates:
        if candidate.owner is not None:
            groups.setdefault(id(candidate.owner), (candidate.owner, []))[1].append(candidate)
    result = list(candidates)
    for owner, members in groups.values():
        weight = weigh_some(members) if len(members) > 1 else None
        # a member that explains too much to be true would make its owner do so too
        if weight is None or weight > MAX_SHARE * grown_bytes:
            continue
        heaviest = max(members, key=lambda candidate: candidate.estimated_bytes)
        _weigh_alone(heaviest, weigh_some)
        if (heaviest.bytes or 0.0) < _NEARLY_ALL * weight:
            result = [candidate for candidate in result if candidate not in members]
            result.append(_owner_candidate(owner, members, weight))
    return result


def _owner_candidate(owner: ContainerOwner, members: Sequence[RetentionCandidate], weight: float) -> RetentionCandidate:
    container = owner.container if owner.container in members else None
    return RetentionCandidate(
        owner.path,
        [grown for member in members for grown in member.grown],
        owner.kind,
        where=owner.where,
        objects=sum(member.objects for member in members),
        estimated_bytes=sum(member.estimated_bytes for member in members),
        bytes=max(0.0, weight),
        weighed="emptied",
        is_rooted=any(member.is_rooted for member in members),
        is_library=all(member.is_library for member in members),
        kept=next((member.kept for member in members if member.kept is not None), None),
        counted=[] if container is None else list(container.grown),
    )


def credit_shared(candidates: Sequence[RetentionCandidate], grown_bytes: float, weigh_some: Weigh) -> None:
    """Credit what no container frees alone, because others refer to it too, to one of those that do."""
    weighed = [candidate for candidate in candidates if candidate.bytes is not None and not candidate.is_weak][
        :_MAX_SHARING
    ]
    separate_bytes = explained(weighed, grown_bytes)
    if len(weighed) < 2 or separate_bytes >= _ENOUGH * grown_bytes:
        return
    total_bytes = weigh_some(weighed)
    if total_bytes is None or not SHARED_RATIO * separate_bytes < total_bytes <= MAX_SHARE * grown_bytes:
        return
    shared_bytes = total_bytes - separate_bytes
    sharing = weighed
    if len(weighed) > 2:
        # if one that refers to it too is left out, it stays
        rest_bytes = {
            id(left_out): weigh_some([other for other in weighed if other is not left_out]) for left_out in weighed
        }
        missing_bytes = {key: total_bytes - weight for key, weight in rest_bytes.items() if weight is not None}
        min_bytes = _MIN_SHARE_OF_SHARED * shared_bytes
        sharing = [
            candidate
            for candidate in weighed
            if missing_bytes.get(id(candidate), 0.0) - (candidate.bytes or 0.0) >= min_bytes
        ]
    # the user's own first: the standard library retains what it was given
    credited = min(
        sharing or weighed,
        key=lambda candidate: (candidate.is_library, candidate.path.anchor, -candidate.estimated_bytes),
    )
    credited.bytes, credited.weighed = (credited.bytes or 0.0) + shared_bytes, "emptied"


def removes_all(candidates: Sequence[RetentionCandidate]) -> bool:
    """Return whether emptying removes old entries as well."""
    return any(grown.container_type.removes_all for candidate in candidates for grown in candidate.grown)


def release_of_containers(candidates: Sequence[RetentionCandidate]) -> Release:
    """Return a function that removes the new entries, and then computes from the bytes freed what they explain.

    A table keeps its size, or gives up more than the new entries' part of it, so it is subtracted, and counted by the
    share of the entries that are new.
    """

    def release() -> Callable[[int, float | None], float]:
        table_bytes = released_table_bytes = gained = removed = 0.0
        for grown in (grown for candidate in candidates for grown in candidate.grown):
            own_bytes, length = grown.container_type.own_bytes(grown.container), max(1, grown.length)
            grown.container_type.remove_newest(grown.container, grown.gained)
            table_bytes += own_bytes * grown.gained / length
            released_table_bytes += own_bytes - grown.container_type.own_bytes(grown.container)
            gained += grown.gained
            removed += length

        def count(freed: int, new_share: float | None) -> float:
            share = (gained / removed if new_share is None else new_share) if removes_all(candidates) else 1.0
            return share * (freed - released_table_bytes) + table_bytes

        return count

    return release
