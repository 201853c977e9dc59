"""The search: first containers that grow, then, where those do not explain it, what hangs on anything old."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from leakcheck.worker.hold.budget import Budget
from leakcheck.worker.hold.chains import confirmed, cutter, found_at, held_by_native
from leakcheck.worker.hold.containers import emptier, named, takes_all
from leakcheck.worker.hold.holders import Found
from leakcheck.worker.hold.lengths import Growth
from leakcheck.worker.hold.paths import World
from leakcheck.worker.hold.places import Place, merged, places_of, sources_of_long, sources_of_new
from leakcheck.worker.hold.watch import Replay, Watched, watch
from leakcheck.worker.hold.weigh import LetGo, weigh
from leakcheck.worker.own import BUILTINS, gc

__builtins__ = BUILTINS

_ENOUGH, _MUCH = 0.9, 0.5
_LEAST_SHARE, _LEAST_BYTES_PER_CALL = 0.01, 0.5
_LEAST_SHARE_STOPPED = 0.05
_LEAST_SHARE_OF_A_PLACE = 0.05
_MOST_SHARE = 2.0
"""What explains twice the growth is no part of it: a tooth that these calls happened to climb."""

_MOST_WEIGHED = 6
_SHARED = 1.2
_FEWEST_AT_ONCE = 16

Heap = Callable[[], int]


def search(
    replay: Replay,
    heap: Heap,
    *,
    warm_up: int,
    calls: int,
    bytes_per_call: float,
    seconds: float,
    settled: bool = False,
) -> Iterator[dict[str, Any]]:
    """Replay, and yield what is known of the holders, again whenever more is known; the last one says so.

    What is cut back now and then is told where memory is known to have settled: elsewhere it is no part
    of what grows.
    """
    replay(warm_up)
    budget = Budget(seconds)
    watched = watch(replay, calls, budget)
    _read_anew(watched, settled)
    was_enabled = gc.isenabled()
    gc.disable()  # so that what the search makes stays in the youngest generation, and can be told from the rest

    def replay_as_before(calls: int) -> None:
        if was_enabled:
            gc.enable()
        try:
            replay(calls)
        finally:
            gc.disable()

    try:
        yield from _found(replay_as_before, heap, watched, bytes_per_call * watched.calls, budget)
    finally:
        if was_enabled:
            gc.enable()


def _read_anew(watched: Watched, settled: bool) -> None:
    """Take what was cut back for full where memory has settled, and for nothing elsewhere.

    It stands by itself: a variable in the search's own frame would keep the last container alive.
    """
    for one in watched.grown:
        if settled and one.growth is Growth.ONCE and one.gained >= _FEWEST_AT_ONCE:
            one.growth = Growth.STOPPED  # it filled within one window
    if not settled:
        watched.grown[:] = [one for one in watched.grown if one.growth is not Growth.TRIMMED]


def _found(
    replay: Replay, heap: Heap, watched: Watched, grown_bytes: float, budget: Budget
) -> Iterator[dict[str, Any]]:
    new = watched.ids
    world = World(budget, new)

    def answer(found: Sequence[Found], last: bool = False) -> dict[str, Any]:
        kept = ranked(found, grown_bytes, watched.calls)
        searched = {"objects": watched.objects, "seconds": budget.seconds, "stopped_by": budget.stopped_by}
        return {"holders": [one.fields(watched.calls) for one in kept], "searched": searched, "last": last}

    found = named(watched, new, world)
    if found:
        yield answer(found)
        _weigh_containers(found, grown_bytes, watched, heap, budget)
    if _explained(found, grown_bytes) < _ENOUGH * grown_bytes and watched.is_known and not budget.is_spent():
        if found:
            yield answer(found)
        found += _hanging(found, replay, grown_bytes, watched, new, world, heap)
    yield answer(found, last=True)


def _explained(found: Sequence[Found], grown_bytes: float) -> float:
    """Return the bytes that some holders explain together, but for those that explain too much to be true."""
    return sum(one.bytes for one in found if one.bytes is not None and one.bytes <= _MOST_SHARE * grown_bytes)


def _weigh_containers(found: Sequence[Found], grown_bytes: float, watched: Watched, heap: Heap, budget: Budget) -> None:
    """Weigh the heaviest each by itself, and where that leaves much open, all of them together."""
    weighed = found[:_MOST_WEIGHED]

    def without(some: Sequence[Found]) -> LetGo:
        let_go = emptier(some)

        def alone() -> Callable[[int, float | None], float]:
            # what we have in hand would stay: the table of a container is a container too
            watched.grown.clear()
            for one in found:
                if one not in some:
                    one.grown.clear()
            return let_go()

        return alone

    for one in weighed:
        weight = weigh(without([one]), watched.new, heap, budget.left, is_mixed=takes_all([one]))
        if weight is not None:
            one.bytes, one.weighed = max(0.0, weight), "emptied"
    if len(weighed) > 1 and (apart := _explained(weighed, grown_bytes)) < _ENOUGH * grown_bytes:
        together = weigh(without(weighed), watched.new, heap, budget.left, is_mixed=takes_all(weighed))
        # entries that two containers share: neither frees them alone
        if together is not None and _SHARED * apart < together <= _MOST_SHARE * grown_bytes:
            # the user's own rather than the standard library's, which keeps what it was given
            first = min(weighed, key=lambda one: (one.is_library, one.told.anchor, -one.reckoned_bytes))
            first.bytes = together - sum(one.bytes or 0.0 for one in weighed if one is not first)
            first.weighed = "emptied"


def _hanging(
    known: Sequence[Found],
    replay: Replay,
    grown_bytes: float,
    watched: Watched,
    new: frozenset[int],
    world: World,
    heap: Heap,
) -> list[Found]:
    """Return what hangs on old objects without a length that tells."""
    watched.look_again()
    passed_by = frozenset(id(one.container) for each in known for one in each.grown)
    least_bytes = _LEAST_SHARE_OF_A_PLACE * grown_bytes
    sources = sources_of_new(watched, new, world)
    places = places_of(sources, watched, new, least_bytes, passed_by, world)
    found = held_by_native(watched, new, [child for _, held in sources for child in held], world)
    sources.clear()

    def is_enough() -> bool:
        return world.budget.is_spent() or _explained([*known, *found], grown_bytes) >= _ENOUGH * grown_bytes

    for place in merged(place for place in places if place.is_steady)[:_MOST_WEIGHED]:
        if is_enough():
            return found
        one = found_at(place, new, world)
        one.bytes, one.weighed = _cut(place, watched, heap, world.budget)
        found.append(one)
    if is_enough():
        return found
    texts = sources_of_long(watched, new, grown_bytes, world)
    places += places_of(texts, watched, new, least_bytes, passed_by, world)
    for place, grown in confirmed(places, watched, new, replay, world):
        one = found_at(place, new, world)
        one.bytes, one.weighed = grown, "reckoned"
        found.append(one)
    return found


def _cut(place: Place, watched: Watched, heap: Heap, budget: Budget) -> tuple[float, str]:
    """Return what a place explains: what becomes free without it, but for what was there before the calls."""
    if all(edge.cut is not None for edge in place.all_edges):
        weight = weigh(cutter(place), watched.new, heap, budget.left)
        if weight is not None and weight > 0:
            return weight, "emptied"
    return place.reach.bytes, "reckoned"


def ranked(found: Sequence[Found], grown_bytes: float, calls: int) -> list[Found]:
    """Return the holders that explain something, the one that explains most first.

    What could not be weighed is kept while the others leave half of the growth open.
    """
    ordered = sorted(found, key=lambda one: -(one.reckoned_bytes if one.bytes is None else one.bytes))
    kept = [one for one in ordered if one.bytes is None or _is_part(one, one.bytes, grown_bytes, calls)]
    if _explained(kept, grown_bytes) >= _MUCH * grown_bytes:
        kept = [one for one in kept if one.bytes is not None]
    rooted = max((one.bytes or 0.0 for one in kept if one.is_rooted), default=0.0)
    # a table that only native code knows of is likely to belong to something that has a name
    kept = [one for one in kept if one.is_rooted or (one.bytes or 0.0) > _SHARED * rooted]
    # what lists things weakly grows because something else keeps them
    return kept if all(one.is_weak for one in kept) else [one for one in kept if not one.is_weak]


def _is_part(one: Found, weighed: float, grown_bytes: float, calls: int) -> bool:
    least = _LEAST_SHARE_STOPPED if one.grown and one.is_stopped else _LEAST_SHARE
    return max(least * grown_bytes, _LEAST_BYTES_PER_CALL * calls) <= weighed <= _MOST_SHARE * grown_bytes
