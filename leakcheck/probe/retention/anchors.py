"""Find places in old objects that lead to a part of the growth: an attribute, key or variable, perhaps of many."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.new_objects import ReachableObjects, reach
from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.probe.retention.references import Reference, long_referrers, old_referrers, reference_between
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_MIN_TEXT_SHARE = 0.3
_MIN_TEXT_BYTES = 1024.0
MAX_REACHED = 200_000  # any value from 10000 to 1000000 does: it costs time
_MAX_SOURCES = 2000  # any value from 500 to 20000 does: it costs time
MIN_EARLY_SHARE, MAX_EARLY_SHARE = 0.15, 0.85
_MIN_SAME_SHARE = 0.8


@dataclass(slots=True, eq=False)
class ReferenceAnchor:
    """References that are one place to a reader, and the new objects that they lead to."""

    references: list[Reference]
    reachable: ReachableObjects
    early_share: float
    """Share of the objects that were made in the first half of the calls."""
    duplicates: list["ReferenceAnchor"] = field(default_factory=list)
    """Other anchors that lead to the same objects."""

    @property
    def is_steady(self) -> bool:
        """Return whether it retains early and late objects: then it grows."""
        return MIN_EARLY_SHARE <= self.early_share <= MAX_EARLY_SHARE and len(self.reachable.ids) > 1

    @property
    def is_replaced(self) -> bool:
        """Return whether all that it leads to is late: then it grows only if it is a copy that gets longer."""
        return self.early_share < MIN_EARLY_SHARE or len(self.reachable.ids) <= 1

    @property
    def all_references(self) -> list[Reference]:
        """Return the references of all anchors that lead to the same objects."""
        return [reference for anchor in (self, *self.duplicates) for reference in anchor.references]


def sources_of_new(watched: WatchedCalls, new: frozenset[int], search: ReferrerSearch) -> list[tuple[Any, list[Any]]]:
    """Return what refers to new objects: old objects except leakcheck's, and running frames."""
    search.hide(watched.new)
    referrers = old_referrers(gc.get_objects(), new, search.budget)
    return [
        (source, children) for source, children in (*referrers, *_running_frames(new)) if not search.is_ours(source)
    ]


def sources_of_long(
    watched: WatchedCalls, new: frozenset[int], grown_bytes: float, search: ReferrerSearch
) -> Iterator[Any]:
    """Yield what refers to texts and tuples that are long enough to be a part of the growth."""
    text_bytes = max(_MIN_TEXT_BYTES, _MIN_TEXT_SHARE * grown_bytes)
    referrers = long_referrers(gc.get_objects(), new, text_bytes, int(_MIN_TEXT_SHARE * watched.calls), search.budget)
    return ((source, children) for source, children in referrers if not search.is_ours(source))


def find_anchors(
    sources: Iterable[tuple[Any, list[Any]]],
    watched: WatchedCalls,
    new: frozenset[int],
    min_bytes: float,
    skipped: frozenset[int],
    search: ReferrerSearch,
) -> list[ReferenceAnchor]:
    """Return the anchors that lead to so many bytes or more, the heaviest first.

    `sources` are old objects with what each refers to. Containers that are known to grow are `skipped`.
    """
    groups: dict[tuple[Any, ...], list[Reference]] = {}
    for source, children in sources:
        if id(source) not in skipped and len(groups) < _MAX_SOURCES:
            for child in children:
                reference = reference_between(source, child)
                groups.setdefault(reference.group, []).append(reference)
    anchors = []
    for references in groups.values():
        if search.budget.is_spent():
            break
        reachable = reach([reference.child for reference in references], new, MAX_REACHED)
        if reachable.bytes >= min_bytes:
            early_share = len(reachable.ids & watched.early) / len(reachable.ids) if reachable.ids else 0.0
            anchors.append(ReferenceAnchor(references, reachable, early_share))
    return sorted(anchors, key=lambda anchor: -anchor.reachable.bytes)


def _running_frames(new: frozenset[int]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield running frames with the new objects among their variables, which the collector does not list."""
    for frame in introspect.thread_frames():
        values = [value for _, value in introspect.local_names(frame) if id(value) in new]
        if values:
            yield frame, values


def merge_anchors(anchors: Iterable[ReferenceAnchor]) -> list[ReferenceAnchor]:
    """Return the anchors; those that lead to the same objects are duplicates of the heaviest."""
    result: list[ReferenceAnchor] = []
    for anchor in anchors:
        ids = anchor.reachable.ids
        min_same = _MIN_SAME_SHARE * max(1, len(ids))
        same = next((known for known in result if len(known.reachable.ids & ids) >= min_same), None)
        if same is None:
            result.append(anchor)
        else:
            same.duplicates.append(anchor)
    return result
