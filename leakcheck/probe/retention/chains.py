"""Retention candidates without a growing length: chains, texts and copies that hang on one place in an old object."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from types import FunctionType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.new_objects import heaviest_path, reach
from leakcheck.probe.heap.path_names import NamedPath, name_of_type, name_path
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to
from leakcheck.probe.heap.weigh import Release
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.probe.retention.anchors import MAX_EARLY_SHARE, MAX_REACHED, MIN_EARLY_SHARE, ReferenceAnchor
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.definitions import kept_function, set_at
from leakcheck.probe.retention.references import Reference
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_MAX_CONFIRMED = 24  # any value from 8 to 100 does: the heaviest come first
_MAX_PATHS = 3  # any value from 2 to 10 does: it costs time
_EXTRA_CALLS_SHARE = 0.25  # any value from 0.1 to 0.5 does: what they add is taken per call
_MIN_PER_CALL, _MIN_REACHABLE_PER_CALL = 0.02, 0.5
_OWN_REFERENCES = 4  # not tuned: counted, as follows
"""leakcheck's own references to an object under inspection: two lists, a variable, and the argument of the call."""


def confirm_growth(
    anchors: Sequence[ReferenceAnchor],
    watched: WatchedCalls,
    new: frozenset[int],
    replay: Callable[[int], None],
    search: ReferrerSearch,
) -> Iterator[tuple[ReferenceAnchor, float]]:
    """Replay more calls, and yield the anchors that lead to more than before, with the bytes that all calls would add.

    An object that is created anew at every call is either a text or copy that gets longer, or what the last call left.
    """
    replaced = [
        anchor for anchor in anchors if anchor.is_replaced and all(reference.read for reference in anchor.references)
    ][:_MAX_CONFIRMED]
    if not replaced:
        return
    calls = max(1, int(watched.calls * _EXTRA_CALLS_SHARE))
    before = [_held_bytes(anchor, new) for anchor in replaced]
    # what is made from here on is new as well
    gc.freeze()
    search.budget.pause()
    replay(calls)
    search.budget.resume()
    settle()
    new_after = new.union(map(id, gc.get_objects()))
    gc.unfreeze()
    after = [_held_bytes(anchor, new_after) for anchor in replaced]
    for anchor, early, late in zip(replaced, before, after, strict=True):
        for reference in anchor.references:
            reference.child = reference.read() if reference.read is not None else reference.child
        if late > early:
            yield anchor, (late - early) / calls * watched.calls


def _held_bytes(anchor: ReferenceAnchor, new: frozenset[int]) -> int:
    children = [reference.read() for reference in anchor.references if reference.read is not None]
    return reach([child for child in children if child is not None], new, MAX_REACHED).bytes


def anchor_candidate(anchor: ReferenceAnchor, new: frozenset[int], search: ReferrerSearch) -> RetentionCandidate:
    """Return an anchor as a candidate that is not weighed; of duplicates, the one nearest to a root names it."""
    named_paths = [_named_path(same, new, search) for same in (anchor, *anchor.duplicates)[:_MAX_PATHS]]
    best = min(named_paths, key=lambda pair: (not pair[0], pair[1].anchor))
    references = [reference for reference in anchor.all_references if reference.child is not None]
    return RetentionCandidate(
        best[1],
        objects=len(anchor.reachable.ids),
        estimated_bytes=anchor.reachable.bytes,
        kept=kept_function([reference.child for reference in references], new),
        set_at=_set_at(references),
    )


def _set_at(references: Sequence[Reference]) -> dict[str, Any] | None:
    match = next((reference for reference in references if type(reference.source) is Context), None)
    if match is None:
        return None
    functions = [candidate for candidate in gc.get_objects() if type(candidate) is FunctionType]
    return set_at(match.source, match.child, functions)


def _named_path(anchor: ReferenceAnchor, new: frozenset[int], search: ReferrerSearch) -> tuple[bool, NamedPath]:
    reference = max(anchor.references, key=lambda reference: reach([reference.child], new, 1000).bytes)
    chain = path_to(reference.source, search)
    return search.is_rooted(chain), name_path([*chain, reference.child], search, heaviest_path(reference.child, new, 6))


def release_of_anchor(anchor: ReferenceAnchor) -> Release:
    """Return a function that clears the references; of the bytes freed, those of old objects do not count."""

    def release() -> Callable[[int, float | None], float]:
        references = anchor.all_references
        for reference in references:
            reference.child = None
            if reference.clear is not None:
                reference.clear()
        return lambda freed, new_share: freed * (1.0 if new_share is None else new_share)

    return release


def native_candidates(
    watched: WatchedCalls, new: frozenset[int], reached: list[Any], search: ReferrerSearch
) -> list[RetentionCandidate]:
    """Return candidates for what native code retains: objects with references, but not from any Python object."""
    reachable_ids = reach(reached, new, sys.maxsize).ids
    unreachable = [
        candidate for candidate in watched.new if id(candidate) not in reachable_ids and not search.is_ours(candidate)
    ]
    referred = set(map(id, introspect.referents(unreachable)))
    groups: dict[int, list[Any]] = {}
    for candidate in unreachable:
        if id(candidate) not in referred and sys.getrefcount(candidate) > _OWN_REFERENCES:
            groups.setdefault(id(type(candidate)), []).append(candidate)
    result = []
    for group in groups.values():
        is_chain = len(group) < max(3, _MIN_PER_CALL * watched.calls)
        reachable = reach(group, new, MAX_REACHED)
        # or it holds the head of a chain, such as a handler that calls the previous one
        ids = reachable.ids if is_chain else frozenset(map(id, group))
        early_share = len(ids & watched.early) / len(ids) if ids else 0.0
        if is_chain and len(ids) < _MIN_REACHABLE_PER_CALL * watched.calls:
            continue
        if not MIN_EARLY_SHARE <= early_share <= MAX_EARLY_SHARE:
            continue
        links = [{"step": "native code", "type": name_of_type(group[0])}]
        path = name_path([group[0]], search, heaviest_path(group[0], new, 4))
        links += path.links[1:]
        result.append(
            RetentionCandidate(
                NamedPath(links, 1, "native code", ""),
                kept=kept_function(group[:_MAX_PATHS], new),
                objects=len(reachable.ids),
                estimated_bytes=reachable.bytes,
                bytes=reachable.bytes,
                weighed="reckoned",
                held_by_native=True,
                first_objects=len(group),
            )
        )
    return result
