"""Whether what a container took in are weak references: those list what something else keeps."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from weakref import CallableProxyType, ProxyType, ReferenceType, WeakMethod

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.new_objects import reach
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_MOST_REACHED = 20_000
_MOSTLY = 0.5
_MOST_BESIDE = 2.0
"""A key of a few letters weighs as much as the reference itself; what weighs more is held."""

_CALL = ReferenceType.__call__

_COLLECTIONS = frozenset({"weakref.WeakKeyDictionary", "weakref.WeakValueDictionary", "_weakrefset.WeakSet"})
TABLE = ".data"
"""The step from a weak dictionary or set to the table that it keeps its entries in: nobody's business."""


def is_collection(owner: object) -> bool:
    """Tell whether an object is a weak dictionary or set."""
    return any(introspect.dotted_name(cls) in _COLLECTIONS for cls in introspect.mro(type(owner)))


def collection_of(chain: Sequence[Any]) -> Any:
    """Return the weak dictionary or set whose table a chain ends in; None where it ends in none."""
    before = chain[-3:-1]
    return next((one for one in before if is_collection(one) and introspect.attribute(one, "data") is chain[-1]), None)


def lists_weakly(entries: Iterable[Any], new: Collection[int]) -> bool:
    """Tell whether some entries lead to new objects by weak references alone.

    What they hold strongly counts against it: a key, a value, what a callback has in its closure. So do references
    whose object is gone or was there before the calls: nothing but the container is why those are there.
    """
    parts = list(entries)
    references = _references_in(parts, new)
    listed = [one for one in map(_object_of, references) if one is None or id(one) in new]
    if not references or len(listed) < _MOSTLY * len(references):
        return False
    own = sum(_own_bytes(one, new) for one in references)
    return reach(parts, new, _MOST_REACHED).bytes <= _MOST_BESIDE * own


def _own_bytes(reference: Any, new: Collection[int]) -> int:
    # a weak method is several objects that refer to each other
    is_method = issubclass(type(reference), WeakMethod)
    return reach([reference], new, _MOST_REACHED).bytes if is_method else introspect.size_of(reference)


def _references_in(parts: Iterable[Any], new: Collection[int]) -> list[Any]:
    """Return the new weak references among what some objects lead to, over new objects and what is not tracked."""
    seen: dict[int, Any] = {}
    found: dict[int, Any] = {}
    frontier = list(parts)
    while frontier and len(seen) < _MOST_REACHED:
        further = []
        for one in frontier:
            if id(one) in seen:
                continue
            seen[id(one)] = one
            if id(one) in new and _is_reference(type(one)):
                found[id(one)] = one
            if id(one) in new or not gc.is_tracked(one):
                further.append(one)
        frontier = introspect.referents(further)
    return list(found.values())


def _is_reference(cls: type) -> bool:
    # a proxy's own type is asked, so that it does not answer as what it stands for
    return issubclass(cls, ReferenceType) or cls is ProxyType or cls is CallableProxyType


def _object_of(reference: Any) -> Any:
    """Return what a weak reference leads to: itself where it is gone; None for a proxy, which would run its code."""
    if not issubclass(type(reference), ReferenceType):
        return None
    found = _CALL(reference)
    return _GONE if found is None else found


_GONE = object()
