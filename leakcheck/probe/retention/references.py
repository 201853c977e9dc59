"""References from old objects to new ones: where growth without a growing length hangs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass
from itertools import compress, filterfalse
from types import CellType, CodeType, FrameType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.lengths import CHUNK
from leakcheck.probe.heap.path_steps import attribute_of, contents, key_of
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_TEXT_TYPES = frozenset({id(str), id(bytes), id(tuple)})
_DICT_ID = id(dict)
_MIN_ENTRIES = 16  # any value from 8 to 100 does: a tuple that gets longer with the calls has more
_MAX_CHARACTER_BYTES = 4  # not tuned: of a str in CPython
_NEVER_BUFFERS = frozenset(map(id, (int, float, bool, complex, type(None), type(NotImplemented), range, CodeType)))
"""Types of untracked objects that are never buffers; most untracked objects are of these."""


@dataclass(slots=True, eq=False)
class Reference:
    """A reference from an old object to a new one, and how to read or clear it."""

    source: Any
    child: Any
    group: tuple[Any, ...]
    """Key by which references are grouped: those of one group are one place to a reader."""
    read: Callable[[], Any] | None = None
    """Return what it refers to now; None if that cannot be read."""
    clear: Callable[[], object] | None = None
    """Put None in its place, in the copy that weighs."""


def reference_between(source: Any, child: Any) -> Reference:
    """Return the reference from a source to a child."""
    cls = type(source)
    if issubclass(cls, dict):
        key = key_of(source, child)
        return Reference(
            source,
            child,
            (id(source), id(key)),
            lambda: next((value for name, value in list(dict.items(source)) if name is key), None),
            lambda: dict.__setitem__(source, key, None),
        )
    if cls is CellType:
        return Reference(
            source, child, (id(source),), lambda: contents(source), lambda: setattr(source, "cell_contents", None)
        )
    if cls is Context:
        return _context_reference(source, child)
    if cls is FrameType or introspect.is_generator(source):
        return _frame_reference(source, child)
    name = attribute_of(source, child)
    if name is not None:
        # an attribute of the same name in objects of one class is one place, such as each worker's queue
        return Reference(
            source,
            child,
            (id(cls), name),
            lambda: next((value for attribute, value in introspect.attributes(source) if attribute == name), None),
            lambda: introspect.set_attribute(source, name, None),
        )
    if issubclass(cls, list):
        index = next((number for number, value in enumerate(list.__iter__(source)) if value is child), 0)
        return Reference(
            source,
            child,
            (id(source),),
            lambda: list.__getitem__(source, index) if index < list.__len__(source) else None,
            lambda: list.__setitem__(source, index, None),
        )
    return Reference(source, child, (id(source),))


def _context_reference(context: Context, child: Any) -> Reference:
    """Return the context variable behind the hash table that the collector sees."""
    reachable = set(map(id, introspect.referents((child,))))
    reachable.update(map(id, introspect.referents(introspect.referents((child,)))))
    match = next(((variable, value) for variable, value in Context.items(context) if id(value) in reachable), None)
    if match is None:
        return Reference(context, child, (id(context),))
    variable, value = match
    return Reference(
        context,
        value,
        (id(context), id(variable)),
        lambda: next((current for key, current in Context.items(context) if key is variable), None),
        lambda: ContextVar.set(variable, None),
    )


def _frame_reference(source: Any, child: Any) -> Reference:
    def frame() -> FrameType | None:
        return source if type(source) is FrameType else introspect.frame_of(source)

    running = frame()
    variables = introspect.local_names(running) if running is not None else []
    name = next((name for name, value in variables if value is child), None)

    def read() -> Any:
        current = frame()
        return dict(introspect.local_names(current)).get(name) if current is not None and name is not None else None

    return Reference(source, child, (id(source), name), read)


def old_referrers(objects: Sequence[Any], new: frozenset[int], budget: SearchBudget) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each old object that refers to new ones, with those."""
    for chunk in _chunks(objects, budget):
        if new.isdisjoint(map(id, introspect.referents(chunk))):
            continue
        for source in chunk:
            children = (
                [] if id(source) in new else [child for child in introspect.referents((source,)) if id(child) in new]
            )
            if children:
                yield source, children


def long_referrers(
    objects: Sequence[Any], new: frozenset[int], text_bytes: float, min_entries: int, budget: SearchBudget
) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each old object that refers to texts or buffers of so many bytes, or untracked tuples of so many entries.

    Whether those are new is unknown.
    """
    min_length = max(1, min(min_entries, int(text_bytes / _MAX_CHARACTER_BYTES)))

    def is_long(candidate: Any) -> bool:
        if type(candidate) is tuple:
            return len(candidate) >= max(min_entries, _MIN_ENTRIES) and not gc.is_tracked(candidate)
        if type(candidate) is str or type(candidate) is bytes:
            return introspect.size_of(candidate) >= text_bytes
        return _is_buffer(candidate, text_bytes)

    for chunk in _chunks(objects, budget):
        referents = introspect.referents(chunk)
        types = list(map(id, map(type, referents)))
        # a dictionary with nothing but texts and numbers, such as many an object's attributes, is not tracked
        dictionaries = compress(referents, map(_DICT_ID.__eq__, types))
        unlisted = {id(mapping): mapping for mapping in filterfalse(gc.is_tracked, dictionaries)}
        nested = introspect.referents(unlisted.values())
        nested_types = list(map(id, map(type, nested)))
        if not (
            _has_long(referents, types, min_length)
            or _has_long(nested, nested_types, min_length)
            or _has_buffer(referents, types, text_bytes)
            or _has_buffer(nested, nested_types, text_bytes)
        ):
            continue
        for source in (*chunk, *unlisted.values()):
            children = (
                [] if id(source) in new else [child for child in introspect.referents((source,)) if is_long(child)]
            )
            if children:
                yield source, children


def _is_buffer(candidate: Any, text_bytes: float) -> bool:
    """Return whether it is an extension's object of that size, such as an array that is created anew at each call."""
    key = id(type(candidate))
    if key in _TEXT_TYPES or key in _NEVER_BUFFERS or gc.is_tracked(candidate):
        return False
    return type(candidate) is not dict and introspect.size_of(candidate) >= text_bytes


def _has_buffer(objects: Sequence[Any], types: Sequence[int], text_bytes: float) -> bool:
    others = compress(objects, [key not in _TEXT_TYPES and key not in _NEVER_BUFFERS for key in types])
    return any(_is_buffer(candidate, text_bytes) for candidate in others)


def _chunks(objects: Sequence[Any], budget: SearchBudget) -> Iterator[Sequence[Any]]:
    for start in range(0, len(objects), CHUNK):
        if budget.is_spent():
            return
        yield objects[start : start + CHUNK]


def _has_long(objects: list[Any], types: Iterable[int], min_length: int) -> bool:
    """Return whether a text or tuple of that length is among some objects, given the ids of their types."""
    return max(map(len, compress(objects, map(_TEXT_TYPES.__contains__, types))), default=0) >= min_length
