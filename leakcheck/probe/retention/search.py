"""The search: first containers that grow, then, where those do not explain it, what hangs on anything old."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from leakcheck.probe.heap.lengths import LengthGrowth
from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.heap.weigh import weigh
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.probe.retention.anchors import ReferenceAnchor, merged, places_of, sources_of_long, sources_of_new
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.chains import confirmed, cutter, found_at, held_by_native
from leakcheck.probe.retention.containers import named
from leakcheck.probe.retention.resident_pages import PageWeighing, weigh_pages
from leakcheck.probe.retention.shares import MOST_SHARE, SHARED, explained, weigh_containers
from leakcheck.probe.retention.watch import ReadPython, Replay, WatchedCalls, watch

__builtins__ = BUILTINS

_ENOUGH, _MUCH = 0.9, 0.5
_LEAST_SHARE, _LEAST_BYTES_PER_CALL = 0.01, 0.5
_LEAST_SHARE_STOPPED = 0.05
_LEAST_SHARE_OF_A_PLACE = 0.05
_SMALLEST_OBJECT_BYTES = 16
_MOST_WEIGHED = 6
_FEWEST_AT_ONCE = 16
_LEAST_KEEPER = 0.25
"""Of what weak references take: an object with no attributes is smaller than a reference, and than a weak method."""

_NOTHING = 0.1
"""Share of the growth that the smallest objects around native memory may take, which lie in Python's allocator."""

_HALVES = 2
"""Python's bytes are read in the second half of the calls alone."""

Heap = Callable[[], int]


def search(
    replay: Replay,
    heap: Heap,
    python: ReadPython = lambda: None,
    *,
    warm_up: int,
    calls: int,
    bytes_per_call: float,
    seconds: float,
    settled: bool = False,
    mapped: bool = False,
) -> Iterator[dict[str, Any]]:
    """Replay, and yield what is known of the holders, again whenever more is known; the last one says so.

    What is cut back now and then is told where memory is known to have settled: elsewhere it is no part
    of what grows. Where the growth is one of resident pages (`mapped`), holders are weighed in those at last.
    """
    replay(warm_up)
    budget = SearchBudget(seconds)
    watched = watch(replay, calls, budget, python)
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
        yield from _found(replay_as_before, heap, watched, bytes_per_call * watched.calls, budget, mapped)
    finally:
        if was_enabled:
            gc.enable()


def _read_anew(watched: WatchedCalls, settled: bool) -> None:
    """Take what was cut back for full where memory has settled, and for nothing elsewhere.

    It stands by itself: a variable in the search's own frame would keep the last container alive.
    """
    for one in watched.grown:
        if settled and one.growth is LengthGrowth.ONCE and one.gained >= _FEWEST_AT_ONCE:
            one.growth = LengthGrowth.STOPPED  # it filled within one window
    if not settled:
        watched.grown[:] = [one for one in watched.grown if one.growth is not LengthGrowth.TRIMMED]


def _found(
    replay: Replay, heap: Heap, watched: WatchedCalls, grown_bytes: float, budget: SearchBudget, mapped: bool
) -> Iterator[dict[str, Any]]:
    new = watched.ids
    world = ReferrerSearch(budget, new)

    def answer(found: Sequence[RetentionCandidate], last: bool = False) -> dict[str, Any]:
        kept = ranked(found, grown_bytes, watched.calls)
        searched = {"objects": watched.objects, "seconds": budget.seconds, "stopped_by": budget.stopped_by}
        return {"holders": [one.fields(watched.calls) for one in kept], "searched": searched, "last": last}

    found = named(watched, new, world)
    if found:
        yield answer(found)
        found = weigh_containers(found, grown_bytes, watched, heap, budget)
    if explained(found, grown_bytes) < _ENOUGH * grown_bytes and watched.is_known and not budget.is_spent():
        if found:
            yield answer(found)
        found += _hanging(found, replay, grown_bytes, watched, new, world, heap, mapped)
    weighing = PageWeighing(is_known=True)
    if mapped and found:
        yield answer(found)
        weighing = weigh_pages(sorted(found, key=_order), replay, watched.calls, grown_bytes, budget)
    last = answer(found, last=True)
    last["searched"]["nothing_in_python"] = weighing.is_known and _is_nothing(found, watched, grown_bytes, budget)
    yield {**last, "emptied": weighing.emptied}


def _is_nothing(
    found: Sequence[RetentionCandidate], watched: WatchedCalls, grown_bytes: float, budget: SearchBudget
) -> bool:
    """Return whether the search came to its end, the growth is native, and no Python object explains it."""
    if not watched.is_known or budget.stopped_by or watched.python_bytes is None:
        return False
    if _HALVES * watched.python_bytes > _NOTHING * grown_bytes or any(one.bytes is None for one in found):
        return False
    # what explains too much to be true may still hold it
    return sum(one.bytes or 0.0 for one in found) <= _NOTHING * grown_bytes


def _hanging(
    known: Sequence[RetentionCandidate],
    replay: Replay,
    grown_bytes: float,
    watched: WatchedCalls,
    new: frozenset[int],
    world: ReferrerSearch,
    heap: Heap,
    mapped: bool,
) -> list[RetentionCandidate]:
    """Return what hangs on old objects without a length that tells."""
    watched.look_again()
    passed_by = frozenset(id(one.container) for each in known for one in each.grown)
    # of what lies in another allocator, the heap shows a small object each
    least_bytes = _SMALLEST_OBJECT_BYTES * watched.calls if mapped else _LEAST_SHARE_OF_A_PLACE * grown_bytes
    sources = sources_of_new(watched, new, world)
    places = places_of(sources, watched, new, least_bytes, passed_by, world)
    found = held_by_native(watched, new, [child for _, held in sources for child in held], world)
    sources.clear()

    def is_enough() -> bool:
        return world.budget.is_spent() or explained([*known, *found], grown_bytes) >= _ENOUGH * grown_bytes

    for place in merged(place for place in places if place.is_steady)[:_MOST_WEIGHED]:
        if is_enough():
            return found
        one = found_at(place, new, world)
        one.bytes, one.weighed = _cut(place, watched, heap, world.budget)
        one.cut = _clearing(place)
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


def _clearing(place: ReferenceAnchor) -> Callable[[], object] | None:
    return cutter(place) if all(edge.cut is not None for edge in place.all_edges) else None


def _cut(place: ReferenceAnchor, watched: WatchedCalls, heap: Heap, budget: SearchBudget) -> tuple[float, str]:
    """Return what a place explains: what becomes free without it, but for what was there before the calls."""
    if all(edge.cut is not None for edge in place.all_edges):
        weight = weigh(cutter(place), watched.new, heap, budget.left)
        if weight is not None and weight > 0:
            return weight, "emptied"
    return place.reach.bytes, "reckoned"


def ranked(found: Sequence[RetentionCandidate], grown_bytes: float, calls: int) -> list[RetentionCandidate]:
    """Return the holders that explain something, the one that explains most first.

    What could not be weighed is kept while the others leave half of the growth open.
    """
    ordered = sorted(found, key=_order)
    kept = [one for one in ordered if one.bytes is None or _is_part(one, one.bytes, grown_bytes, calls)]
    if explained(kept, grown_bytes) >= _MUCH * grown_bytes:
        kept = [one for one in kept if one.bytes is not None]
    rooted = max((one.bytes or 0.0 for one in kept if one.is_rooted), default=0.0)
    # a table that only native code knows of is likely to belong to something that has a name
    kept = [one for one in kept if one.is_rooted or (one.bytes or 0.0) > SHARED * rooted]
    # what lists things weakly grows because something else keeps them, unless nothing else explains nearly as much
    strong = max((_weight(one) for one in kept if not one.is_weak), default=0.0)
    return [one for one in kept if not one.is_weak or strong < _LEAST_KEEPER * _weight(one)]


def _order(one: RetentionCandidate) -> float:
    return -_weight(one)


def _weight(one: RetentionCandidate) -> float:
    return one.reckoned_bytes if one.bytes is None else one.bytes


def _is_part(one: RetentionCandidate, weighed: float, grown_bytes: float, calls: int) -> bool:
    least = _LEAST_SHARE_STOPPED if one.grown and one.is_stopped else _LEAST_SHARE
    return max(least * grown_bytes, _LEAST_BYTES_PER_CALL * calls) <= weighed <= MOST_SHARE * grown_bytes
