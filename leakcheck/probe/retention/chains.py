"""What has no growing length as holders: chains, texts and copies that hang on one place in an old object."""

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
from leakcheck.probe.retention.anchors import MOST_REACHED, ReferenceAnchor
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.definitions import kept_function, set_at
from leakcheck.probe.retention.references import Reference
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_MOST_DOUBTFUL = 24
_MOST_TOLD = 3
_MORE_CALLS = 0.25
_FEWEST_HELD, _FEWEST_LED_TO = 0.02, 0.5
_FEWEST_EARLY, _MOST_EARLY = 0.15, 0.85
_HELD_BY_US = 4
"""References to what is looked at that are our doing: two lists, a variable, and the one for asking."""


def confirmed(
    places: Sequence[ReferenceAnchor],
    watched: WatchedCalls,
    new: frozenset[int],
    replay: Callable[[int], None],
    world: ReferrerSearch,
) -> Iterator[tuple[ReferenceAnchor, float]]:
    """Replay more calls, and yield the places that lead to more than before, with the bytes that all calls would add.

    What is made anew at every call is a text or a copy that gets longer, or it is what the last call left.
    """
    doubtful = [place for place in places if place.is_replaced and all(edge.read for edge in place.edges)]
    doubtful = doubtful[:_MOST_DOUBTFUL]
    if not doubtful:
        return
    calls = max(1, int(watched.calls * _MORE_CALLS))
    before = [_held_bytes(place, new) for place in doubtful]
    # what is made from here on is new as well
    gc.freeze()
    world.budget.pause()
    replay(calls)
    world.budget.resume()
    settle()
    newer = new.union(map(id, gc.get_objects()))
    gc.unfreeze()
    after = [_held_bytes(place, newer) for place in doubtful]
    for place, early, late in zip(doubtful, before, after, strict=True):
        for edge in place.edges:
            edge.child = edge.read() if edge.read is not None else edge.child
        if late > early:
            yield place, (late - early) / calls * watched.calls


def _held_bytes(place: ReferenceAnchor, new: frozenset[int]) -> int:
    held = [edge.read() for edge in place.edges if edge.read is not None]
    return reach([one for one in held if one is not None], new, MOST_REACHED).bytes


def found_at(place: ReferenceAnchor, new: frozenset[int], world: ReferrerSearch) -> RetentionCandidate:
    """Return a place as a holder, without a weight; of several that lead to the same, the one nearest to a root."""
    told = [_told(one, new, world) for one in (place, *place.beside)[:_MOST_TOLD]]
    best = min(told, key=lambda pair: (not pair[0], pair[1].anchor))
    edges = [edge for edge in place.all_edges if edge.child is not None]
    return RetentionCandidate(
        best[1],
        objects=len(place.reach.ids),
        reckoned_bytes=place.reach.bytes,
        kept=kept_function([edge.child for edge in edges], new),
        set_at=_set_at(edges),
    )


def _set_at(edges: Sequence[Reference]) -> dict[str, Any] | None:
    """Return the line that sets the context variable among some places; None where none of them is one."""
    found = next((edge for edge in edges if type(edge.source) is Context), None)
    if found is None:
        return None
    functions = [one for one in gc.get_objects() if type(one) is FunctionType]
    return set_at(found.source, found.child, functions)


def _told(place: ReferenceAnchor, new: frozenset[int], world: ReferrerSearch) -> tuple[bool, NamedPath]:
    edge = max(place.edges, key=lambda edge: reach([edge.child], new, 1000).bytes)
    chain = path_to(edge.source, world)
    return world.is_rooted(chain), name_path([*chain, edge.child], world, heaviest_path(edge.child, new, 6))


def cutter(place: ReferenceAnchor) -> Release:
    """Return what clears the place; of what becomes free, what was there before the calls does not count."""

    def let_go() -> Callable[[int, float | None], float]:
        edges = place.all_edges
        for edge in edges:
            edge.child = None
            if edge.cut is not None:
                edge.cut()
        return lambda freed, new_share: freed * (1.0 if new_share is None else new_share)

    return let_go


def held_by_native(
    watched: WatchedCalls, new: frozenset[int], starts: list[Any], world: ReferrerSearch
) -> list[RetentionCandidate]:
    """Return what no object leads to although something refers to it: native code that keeps or forgot it."""
    led_to = reach(starts, new, sys.maxsize).ids
    rest = [one for one in watched.new if id(one) not in led_to and not world.is_ours(one)]
    referred = set(map(id, introspect.referents(rest)))
    groups: dict[int, list[Any]] = {}
    for one in rest:
        if id(one) not in referred and sys.getrefcount(one) > _HELD_BY_US:
            groups.setdefault(id(type(one)), []).append(one)
    found = []
    for group in groups.values():
        is_chain = len(group) < max(3, _FEWEST_HELD * watched.calls)
        led = reach(group, new, MOST_REACHED)
        # or it holds the head of a chain: a handler that calls the one before it
        held = led.ids if is_chain else frozenset(map(id, group))
        early = len(held & watched.early) / len(held) if held else 0.0
        if (is_chain and len(held) < _FEWEST_LED_TO * watched.calls) or not _FEWEST_EARLY <= early <= _MOST_EARLY:
            continue
        links = [{"step": "native code", "type": name_of_type(group[0])}]
        told = name_path([group[0]], world, heaviest_path(group[0], new, 4))
        links += told.links[1:]
        found.append(
            RetentionCandidate(
                NamedPath(links, 1, "native code", ""),
                kept=kept_function(group[:_MOST_TOLD], new),
                objects=len(led.ids),
                reckoned_bytes=led.bytes,
                bytes=led.bytes,
                weighed="reckoned",
                held_by_native=True,
                first_objects=len(group),
            )
        )
    return found
