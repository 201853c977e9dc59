"""Places in old objects that lead to a part of what grew: one attribute, key or variable, perhaps of many objects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.new_objects import ReachableObjects, reach
from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.probe.retention.references import Reference, edge_of, old_to_new, to_long
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_TEXT_SHARE = 0.3
_LEAST_TEXT_BYTES = 1024.0
MOST_REACHED = 200_000
_MOST_SOURCES = 2000
_FEWEST_EARLY, _MOST_EARLY = 0.15, 0.85
_SAME = 0.8


@dataclass(slots=True, eq=False)
class ReferenceAnchor:
    """Edges that are one place to a person, and what they lead to."""

    edges: list[Reference]
    reach: ReachableObjects
    early_share: float
    """Of the objects, how many are of the first half of the calls."""
    beside: list["ReferenceAnchor"] = field(default_factory=list)
    """Other places that lead to the same."""

    @property
    def is_steady(self) -> bool:
        """Return whether it keeps what was made early and what was made late: then it grows."""
        return _FEWEST_EARLY <= self.early_share <= _MOST_EARLY and len(self.reach.ids) > 1

    @property
    def is_replaced(self) -> bool:
        """Return whether all that it leads to is from late: it grows only where it is a copy that gets longer."""
        return self.early_share < _FEWEST_EARLY or len(self.reach.ids) <= 1

    @property
    def all_edges(self) -> list[Reference]:
        """Return the edges of all places that lead to the same."""
        return [edge for place in (self, *self.beside) for edge in place.edges]


Sources = Iterable[tuple[Any, list[Any]]]
"""Old objects, and what each refers to."""


def sources_of_new(watched: WatchedCalls, new: frozenset[int], world: ReferrerSearch) -> list[tuple[Any, list[Any]]]:
    """Return what refers to new objects: old ones, but for ours, and the frames that run."""
    world.hide(watched.new)
    found = old_to_new(gc.get_objects(), new, world.budget)
    return [(source, held) for source, held in (*found, *_running(new)) if not world.is_ours(source)]


def sources_of_long(
    watched: WatchedCalls, new: frozenset[int], grown_bytes: float, world: ReferrerSearch
) -> Iterator[Any]:
    """Yield what refers to texts and tuples that are long enough to be a part of the growth."""
    text_bytes = max(_LEAST_TEXT_BYTES, _TEXT_SHARE * grown_bytes)
    found = to_long(gc.get_objects(), new, text_bytes, int(_TEXT_SHARE * watched.calls), world.budget)
    return ((source, held) for source, held in found if not world.is_ours(source))


def places_of(
    sources: Sources,
    watched: WatchedCalls,
    new: frozenset[int],
    least_bytes: float,
    passed_by: frozenset[int],
    world: ReferrerSearch,
) -> list[ReferenceAnchor]:
    """Return the places that lead to so many bytes or more, the heaviest first.

    Containers that are known to grow (`passed_by`) are no such places.
    """
    groups: dict[tuple[Any, ...], list[Reference]] = {}
    for source, held in sources:
        if id(source) not in passed_by and len(groups) < _MOST_SOURCES:
            for child in held:
                edge = edge_of(source, child)
                groups.setdefault(edge.place, []).append(edge)
    places = []
    for edges in groups.values():
        if world.budget.is_spent():
            break
        led_to = reach([edge.child for edge in edges], new, MOST_REACHED)
        if led_to.bytes >= least_bytes:
            early = len(led_to.ids & watched.early) / len(led_to.ids) if led_to.ids else 0.0
            places.append(ReferenceAnchor(edges, led_to, early))
    return sorted(places, key=lambda place: -place.reach.bytes)


def _running(new: frozenset[int]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield running frames and what is new among their variables: the collector does not list them."""
    for frame in introspect.thread_frames():
        held = [value for _, value in introspect.local_names(frame) if id(value) in new]
        if held:
            yield frame, held


def merged(places: Iterable[ReferenceAnchor]) -> list[ReferenceAnchor]:
    """Return the places, those that lead to the same objects taken together under the heaviest."""
    found: list[ReferenceAnchor] = []
    for place in places:
        same = next((one for one in found if _is_same(one, place)), None)
        if same is None:
            found.append(place)
        else:
            same.beside.append(place)
    return found


def _is_same(heavier: ReferenceAnchor, lighter: ReferenceAnchor) -> bool:
    return len(heavier.reach.ids & lighter.reach.ids) >= _SAME * max(1, len(lighter.reach.ids))
