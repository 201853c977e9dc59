"""Recognise weak references among a container's entries: such a container lists objects that something else keeps."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from weakref import CallableProxyType, ProxyType, ReferenceType, WeakMethod

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.new_objects import reach
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_MAX_REACHED = 20_000  # any value from 5000 to 200000 does: it costs time
_MIN_VALID_SHARE = 0.5
_MAX_RATIO = 2.0
"""Bytes of entries to bytes of references. A key of a few letters is as large as the reference itself; what takes more
is retained.
"""

_CALL = ReferenceType.__call__

_COLLECTIONS = frozenset({"weakref.WeakKeyDictionary", "weakref.WeakValueDictionary", "_weakrefset.WeakSet"})
TABLE_STEP = ".data"
"""The step from a weak dictionary or set to its table of entries, which is never shown."""


def is_weak_collection(owner: object) -> bool:
    """Return whether an object is a weak dictionary or set."""
    return any(introspect.dotted_name(cls) in _COLLECTIONS for cls in introspect.mro(type(owner)))


def weak_collection_of(chain: Sequence[Any]) -> Any:
    """Return the weak dictionary or set whose table a chain ends in; None if there is none."""
    owners = chain[-3:-1]
    return next(
        (owner for owner in owners if is_weak_collection(owner) and introspect.attribute(owner, "data") is chain[-1]),
        None,
    )


def lists_weakly(entries: Iterable[Any], new: Collection[int]) -> bool:
    """Return whether some entries lead to new objects by weak references alone.

    What they refer to strongly counts against it: a key, a value, what a callback has in its closure. So does a
    reference whose object is gone or was there before the calls: nothing but the container is why that reference
    exists.
    """
    objects = list(entries)
    references = _references_in(objects, new)
    valid = [target for target in map(_target_of, references) if target is None or id(target) in new]
    if not references or len(valid) < _MIN_VALID_SHARE * len(references):
        return False
    reference_bytes = sum(_bytes_of_reference(reference, new) for reference in references)
    return reach(objects, new, _MAX_REACHED).bytes <= _MAX_RATIO * reference_bytes


def _bytes_of_reference(reference: Any, new: Collection[int]) -> int:
    # a weak method consists of several objects that refer to each other
    is_method = issubclass(type(reference), WeakMethod)
    return reach([reference], new, _MAX_REACHED).bytes if is_method else introspect.size_of(reference)


def _references_in(objects: Iterable[Any], new: Collection[int]) -> list[Any]:
    """Return the new weak references reachable from some objects through new and untracked ones."""
    visited: dict[int, Any] = {}
    references: dict[int, Any] = {}
    frontier = list(objects)
    while frontier and len(visited) < _MAX_REACHED:
        next_frontier = []
        for candidate in frontier:
            if id(candidate) in visited:
                continue
            visited[id(candidate)] = candidate
            if id(candidate) in new and _is_reference(type(candidate)):
                references[id(candidate)] = candidate
            if id(candidate) in new or not gc.is_tracked(candidate):
                next_frontier.append(candidate)
        frontier = introspect.referents(next_frontier)
    return list(references.values())


def _is_reference(cls: type) -> bool:
    # the proxy's own type is asked: isinstance would answer for its target
    return issubclass(cls, ReferenceType) or cls is ProxyType or cls is CallableProxyType


def _target_of(reference: Any) -> Any:
    """Return the target of a weak reference: `_GONE` if it was freed, None for a proxy, which would run its code."""
    if not issubclass(type(reference), ReferenceType):
        return None
    target = _CALL(reference)
    return _GONE if target is None else target


_GONE = object()
