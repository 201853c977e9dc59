"""The retention search: first containers that grow, then, if those do not explain it, whatever hangs on old objects."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from leakcheck.probe.heap.lengths import LengthGrowth
from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.heap.weigh import Release, weigh
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.probe.retention.anchors import (
    ReferenceAnchor,
    find_anchors,
    merge_anchors,
    sources_of_long,
    sources_of_new,
)
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.chains import anchor_candidate, confirm_growth, native_candidates, release_of_anchor
from leakcheck.probe.retention.containers import container_candidates
from leakcheck.probe.retention.resident_pages import PageWeighing, weigh_pages
from leakcheck.probe.retention.shares import MAX_SHARE, SHARED_RATIO, explained, weigh_containers
from leakcheck.probe.retention.watch import ReadPython, Replay, WatchedCalls, watch

__builtins__ = BUILTINS

_ENOUGH, _MIN_EXPLAINED = 0.9, 0.5
_MIN_SHARE, _MIN_BYTES_PER_CALL = 0.01, 0.5
_MIN_SHARE_IF_STOPPED = 0.05
_MIN_SHARE_OF_ANCHOR = 0.05  # any value from 0.02 to 0.1 does: a leak is mostly in one place, and weighing costs time
_SMALLEST_OBJECT_BYTES = 16  # not tuned: by CPython
_MAX_WEIGHED = 6  # any value from 3 to 20 does: the heaviest come first
_MIN_AT_ONCE = 16
_MIN_RATIO_TO_WEAK = 0.25
"""Share of the bytes of weak references: an object without attributes is smaller than a reference or a weak method."""

_MAX_SHARE_OF_PYTHON = 0.1
"""Share of the growth that Python's allocator may hold for the small objects around native memory."""

_HALVES = 2  # not tuned: as follows
"""Python's bytes are read in the second half of the calls only."""

Heap = Callable[[], int]


def search_retention(
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
    """Replay, and yield the candidates found so far, again whenever more is known; the last answer is marked as such.

    Trimmed containers are reported only if memory has settled: otherwise they are no part of the growth. If resident
    pages grow (`mapped`), candidates are weighed by those at last.
    """
    replay(warm_up)
    budget = SearchBudget(seconds)
    watched = watch(replay, calls, budget, python)
    _reclassify(watched, settled)
    was_enabled = gc.isenabled()
    gc.disable()  # so that objects of the search stay in the youngest generation, and can be told from others

    def replay_as_before(calls: int) -> None:
        if was_enabled:
            gc.enable()
        try:
            replay(calls)
        finally:
            gc.disable()

    try:
        yield from _search(replay_as_before, heap, watched, bytes_per_call * watched.calls, budget, mapped)
    finally:
        if was_enabled:
            gc.enable()


def _reclassify(watched: WatchedCalls, settled: bool) -> None:
    """Drop trimmed containers unless memory has settled; then one that filled within a window counts as stopped.

    This is a function of its own because a variable in the search's frame would keep the last container alive.
    """
    for grown in watched.grown:
        if settled and grown.growth is LengthGrowth.ONCE and grown.gained >= _MIN_AT_ONCE:
            grown.growth = LengthGrowth.STOPPED  # it filled within one window
    if not settled:
        watched.grown[:] = [grown for grown in watched.grown if grown.growth is not LengthGrowth.TRIMMED]


def _search(
    replay: Replay, heap: Heap, watched: WatchedCalls, grown_bytes: float, budget: SearchBudget, mapped: bool
) -> Iterator[dict[str, Any]]:
    new = watched.ids
    referrer_search = ReferrerSearch(budget, new)

    def answer(candidates: Sequence[RetentionCandidate], last: bool = False) -> dict[str, Any]:
        holders = [candidate.fields(watched.calls) for candidate in ranked(candidates, grown_bytes, watched.calls)]
        searched = {"objects": watched.objects, "seconds": budget.seconds, "stopped_by": budget.stopped_by}
        return {"holders": holders, "searched": searched, "last": last}

    candidates = container_candidates(watched, new, referrer_search)
    if candidates:
        yield answer(candidates)
        candidates = weigh_containers(candidates, grown_bytes, watched, heap, budget)
    if explained(candidates, grown_bytes) < _ENOUGH * grown_bytes and watched.is_known and not budget.is_spent():
        if candidates:
            yield answer(candidates)
        candidates += _anchored_candidates(candidates, replay, grown_bytes, watched, new, referrer_search, heap, mapped)
    weighing = PageWeighing(is_known=True)
    if mapped and candidates:
        yield answer(candidates)
        weighing = weigh_pages(
            sorted(candidates, key=_bytes_of, reverse=True), replay, watched.calls, grown_bytes, budget
        )
    last = answer(candidates, last=True)
    is_only_native = weighing.is_known and _is_only_native(candidates, watched, grown_bytes, budget)
    last["searched"]["nothing_in_python"] = is_only_native
    yield {**last, "emptied": weighing.emptied}


def _is_only_native(
    candidates: Sequence[RetentionCandidate], watched: WatchedCalls, grown_bytes: float, budget: SearchBudget
) -> bool:
    """Return whether the search was completed, the growth is native, and no Python object explains it."""
    if not watched.is_known or budget.stopped_by or watched.python_bytes is None:
        return False
    if _HALVES * watched.python_bytes > _MAX_SHARE_OF_PYTHON * grown_bytes:
        return False
    if any(candidate.bytes is None for candidate in candidates):
        return False
    # a candidate that explains too much to be true may still retain it
    return sum(candidate.bytes or 0.0 for candidate in candidates) <= _MAX_SHARE_OF_PYTHON * grown_bytes


def _anchored_candidates(
    known: Sequence[RetentionCandidate],
    replay: Replay,
    grown_bytes: float,
    watched: WatchedCalls,
    new: frozenset[int],
    referrer_search: ReferrerSearch,
    heap: Heap,
    mapped: bool,
) -> list[RetentionCandidate]:
    """Return candidates that hang on old objects and have no length that would show it."""
    watched.refresh()
    skipped = frozenset(id(grown.container) for candidate in known for grown in candidate.grown)
    # of memory in another allocator, the heap shows only a small object each
    min_bytes = _SMALLEST_OBJECT_BYTES * watched.calls if mapped else _MIN_SHARE_OF_ANCHOR * grown_bytes
    sources = sources_of_new(watched, new, referrer_search)
    anchors = find_anchors(sources, watched, new, min_bytes, skipped, referrer_search)
    result = native_candidates(watched, new, [child for _, children in sources for child in children], referrer_search)
    sources.clear()

    def is_enough() -> bool:
        return referrer_search.budget.is_spent() or explained([*known, *result], grown_bytes) >= _ENOUGH * grown_bytes

    for anchor in merge_anchors(anchor for anchor in anchors if anchor.is_steady)[:_MAX_WEIGHED]:
        if is_enough():
            return result
        candidate = anchor_candidate(anchor, new, referrer_search)
        candidate.bytes, candidate.weighed = _weigh_anchor(anchor, watched, heap, referrer_search.budget)
        candidate.clear = _release_if_possible(anchor)
        result.append(candidate)
    if is_enough():
        return result
    texts = sources_of_long(watched, new, grown_bytes, referrer_search)
    anchors += find_anchors(texts, watched, new, min_bytes, skipped, referrer_search)
    for anchor, gained_bytes in confirm_growth(anchors, watched, new, replay, referrer_search):
        candidate = anchor_candidate(anchor, new, referrer_search)
        candidate.bytes, candidate.weighed = gained_bytes, "reckoned"
        result.append(candidate)
    return result


def _release_if_possible(anchor: ReferenceAnchor) -> Release | None:
    can_be_cleared = all(reference.clear is not None for reference in anchor.all_references)
    return release_of_anchor(anchor) if can_be_cleared else None


def _weigh_anchor(
    anchor: ReferenceAnchor, watched: WatchedCalls, heap: Heap, budget: SearchBudget
) -> tuple[float, str]:
    """Return the bytes that an anchor explains, and how they were found; old objects that it releases do not count."""
    release = _release_if_possible(anchor)
    if release is not None:
        weight = weigh(release, watched.new, heap, budget.left)
        if weight is not None and weight > 0:
            return weight, "emptied"
    return anchor.reachable.bytes, "reckoned"


def ranked(candidates: Sequence[RetentionCandidate], grown_bytes: float, calls: int) -> list[RetentionCandidate]:
    """Return the candidates that explain something, the one that explains most first.

    Those that could not be weighed are included while the others explain less than half of the growth.
    """
    result = [
        candidate
        for candidate in sorted(candidates, key=_bytes_of, reverse=True)
        if candidate.bytes is None or _is_part_of_growth(candidate, candidate.bytes, grown_bytes, calls)
    ]
    if explained(result, grown_bytes) >= _MIN_EXPLAINED * grown_bytes:
        result = [candidate for candidate in result if candidate.bytes is not None]
    rooted = max((candidate.bytes or 0.0 for candidate in result if candidate.is_rooted), default=0.0)
    # a table that only native code refers to probably belongs to something that has a name
    result = [
        candidate for candidate in result if candidate.is_rooted or (candidate.bytes or 0.0) > SHARED_RATIO * rooted
    ]
    # a weak list grows because something else retains its entries, unless nothing else explains nearly as much
    strong = max((_bytes_of(candidate) for candidate in result if not candidate.is_weak), default=0.0)
    return [
        candidate for candidate in result if not candidate.is_weak or strong < _MIN_RATIO_TO_WEAK * _bytes_of(candidate)
    ]


def _bytes_of(candidate: RetentionCandidate) -> float:
    return candidate.estimated_bytes if candidate.bytes is None else candidate.bytes


def _is_part_of_growth(candidate: RetentionCandidate, weighed: float, grown_bytes: float, calls: int) -> bool:
    min_share = _MIN_SHARE_IF_STOPPED if candidate.grown and candidate.is_stopped else _MIN_SHARE
    return max(min_share * grown_bytes, _MIN_BYTES_PER_CALL * calls) <= weighed <= MAX_SHARE * grown_bytes
