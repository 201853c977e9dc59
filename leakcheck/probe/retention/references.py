"""References from what was there before the calls to what they have made: where a chain without a length hangs."""

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

_ATOMS = frozenset({id(str), id(bytes), id(tuple)})
_DICTIONARY = id(dict)
_FEWEST_ENTRIES = 16
_WIDEST_CHARACTER = 4
_NEVER_LONG = frozenset(map(id, (int, float, bool, complex, type(None), type(NotImplemented), range, CodeType)))
"""Untracked objects that are no buffer; by far the most."""


@dataclass(slots=True, eq=False)
class Reference:
    """One place in an old object that holds something new, and how to read or clear it."""

    source: Any
    child: Any
    place: tuple[Any, ...]
    """What edges of many sources are told apart by; those of one kind are taken together."""
    read: Callable[[], Any] | None = None
    """Return what the place holds now; None where it cannot be come at."""
    cut: Callable[[], object] | None = None
    """Put None there, in the copy that weighs."""


def edge_of(source: Any, child: Any) -> Reference:
    """Return the place in the source that leads to the child."""
    cls = type(source)
    if issubclass(cls, dict):
        key = key_of(source, child)
        return Reference(
            source,
            child,
            (id(source), id(key)),
            lambda: next((held for name, held in list(dict.items(source)) if name is key), None),
            lambda: dict.__setitem__(source, key, None),
        )
    if cls is CellType:
        return Reference(
            source, child, (id(source),), lambda: contents(source), lambda: setattr(source, "cell_contents", None)
        )
    if cls is Context:
        return _of_context(source, child)
    if cls is FrameType or introspect.is_generator(source):
        return _of_frame(source, child)
    name = attribute_of(source, child)
    if name is not None:
        # attributes of the same name in objects of one class are one place, such as each worker's queue
        return Reference(
            source,
            child,
            (id(cls), name),
            lambda: next((held for known, held in introspect.attributes(source) if known == name), None),
            lambda: introspect.set_attribute(source, name, None),
        )
    if issubclass(cls, list):
        at = next((n for n, held in enumerate(list.__iter__(source)) if held is child), 0)
        return Reference(
            source,
            child,
            (id(source),),
            lambda: list.__getitem__(source, at) if at < list.__len__(source) else None,
            lambda: list.__setitem__(source, at, None),
        )
    return Reference(source, child, (id(source),))


def _of_context(context: Context, child: Any) -> Reference:
    """The collector sees a hash table there; a person sees a variable and its value."""
    below = {id(one) for one in introspect.referents((child,))}
    below |= {id(one) for one in introspect.referents(introspect.referents((child,)))}
    found = next(((var, value) for var, value in Context.items(context) if id(value) in below), None)
    if found is None:
        return Reference(context, child, (id(context),))
    var, value = found
    return Reference(
        context,
        value,
        (id(context), id(var)),
        lambda: next((held for one, held in Context.items(context) if one is var), None),
        lambda: ContextVar.set(var, None),
    )


def _of_frame(keeper: Any, child: Any) -> Reference:
    def frame() -> FrameType | None:
        return keeper if type(keeper) is FrameType else introspect.frame_of(keeper)

    running = frame()
    variables = introspect.local_names(running) if running is not None else []
    name = next((name for name, held in variables if held is child), None)

    def read() -> Any:
        now = frame()
        return dict(introspect.local_names(now)).get(name) if now is not None and name is not None else None

    return Reference(keeper, child, (id(keeper), name), read)


def old_to_new(objects: Sequence[Any], new: frozenset[int], budget: SearchBudget) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each old object that refers to new ones, with those."""
    for chunk in _chunks(objects, budget):
        if new.isdisjoint(map(id, introspect.referents(chunk))):
            continue
        for one in chunk:
            held = [] if id(one) in new else [child for child in introspect.referents((one,)) if id(child) in new]
            if held:
                yield one, held


def to_long(
    objects: Sequence[Any], new: frozenset[int], text_bytes: float, entries: int, budget: SearchBudget
) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each old object that refers to texts or buffers of so many bytes, or untracked tuples of so many entries.

    Whether those are new nobody knows.
    """
    fewest = max(1, min(entries, int(text_bytes / _WIDEST_CHARACTER)))

    def is_long(candidate: Any) -> bool:
        if type(candidate) is tuple:
            return len(candidate) >= max(entries, _FEWEST_ENTRIES) and not gc.is_tracked(candidate)
        if type(candidate) is str or type(candidate) is bytes:
            return introspect.size_of(candidate) >= text_bytes
        return _is_buffer(candidate, text_bytes)

    for chunk in _chunks(objects, budget):
        referents = introspect.referents(chunk)
        types = list(map(id, map(type, referents)))
        # what holds nothing but texts and numbers is not listed: the attributes of many an object
        dictionaries = compress(referents, map(_DICTIONARY.__eq__, types))
        unlisted = {id(one): one for one in filterfalse(gc.is_tracked, dictionaries)}
        within = introspect.referents(unlisted.values())
        within_types = list(map(id, map(type, within)))
        if not (
            _has_long(referents, types, fewest)
            or _has_long(within, within_types, fewest)
            or _has_buffer(referents, types, text_bytes)
            or _has_buffer(within, within_types, text_bytes)
        ):
            continue
        for one in (*chunk, *unlisted.values()):
            held = [] if id(one) in new else [child for child in introspect.referents((one,)) if is_long(child)]
            if held:
                yield one, held


def _is_buffer(candidate: Any, text_bytes: float) -> bool:
    """Return whether it is an object of some extension that takes so much: an array that is made anew at each call."""
    key = id(type(candidate))
    if key in _ATOMS or key in _NEVER_LONG or gc.is_tracked(candidate):
        return False
    return type(candidate) is not dict and introspect.size_of(candidate) >= text_bytes


def _has_buffer(objects: Sequence[Any], types: Sequence[int], text_bytes: float) -> bool:
    others = compress(objects, [key not in _ATOMS and key not in _NEVER_LONG for key in types])
    return any(_is_buffer(one, text_bytes) for one in others)


def _chunks(objects: Sequence[Any], budget: SearchBudget) -> Iterator[Sequence[Any]]:
    for start in range(0, len(objects), CHUNK):
        if budget.is_spent():
            return
        yield objects[start : start + CHUNK]


def _has_long(objects: list[Any], types: Iterable[int], fewest: int) -> bool:
    """Return whether a text or a tuple of so many is among some objects, given the ids of their types."""
    return max(map(len, compress(objects, map(_ATOMS.__contains__, types))), default=0) >= fewest
