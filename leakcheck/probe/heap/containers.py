"""Everything with a length: how long it is, which of them have become longer, and how to empty it.

Through the base classes' functions, always: a subclass may have a `__len__` and a `clear` of its own.
"""

from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from types import ModuleType
from typing import Any

from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

LruCache = type(lru_cache(lambda: None))
_BATCH = 20_000
_LINK_BYTES = 32
"""Each entry of an OrderedDict has one, beside the tables."""


def _entries(cached: Any) -> int:
    # through the type: the wrapped function's own attributes are copied over the wrapper's
    length: int = LruCache.cache_info(cached).currsize
    return length


def _blank(entries: "deque[Any]") -> None:
    """Put None in the place of each entry: clear() would keep 16 blocks for later, which nobody could weigh."""
    for _ in range(deque.__len__(entries)):
        deque.rotate(entries)
        deque.__setitem__(entries, 0, None)


def _clear_slots(entries: Any) -> None:
    del entries[:]


def _length_of_buffer(buffer: Any) -> int:
    """Return how much is in it; where it was read up to or written last says nothing of that."""
    try:
        with BytesIO.getbuffer(buffer) as held:
            return held.nbytes
    except ValueError:  # closed, or never set up
        return 0


def _empty_buffer(buffer: Any) -> None:
    BytesIO.seek(buffer, 0)
    BytesIO.truncate(buffer, 0)


def _size_of_cache(cached: Any) -> int:
    """Return the bytes of the dictionary inside."""
    return sum(dict.__sizeof__(held) for held in gc.get_referents(cached) if type(held) is dict)


def _size_without_links(ordered: Any) -> int:
    return OrderedDict.__sizeof__(ordered) - _LINK_BYTES * OrderedDict.__len__(ordered)


@dataclass(frozen=True, slots=True)
class _LengthType:
    length: Callable[[Any], int]
    empty: Callable[[Any], None]
    size: Callable[[Any], int]
    """What it takes by itself, its table above all."""
    slot_bytes: float = 0.0
    """What its table grows by with each entry. One that doubles does not: growth leaves its steps out."""


# an OrderedDict stands before the dict it also is: dict.clear() would leave its links behind
_KINDS: dict[type, _LengthType] = {
    OrderedDict: _LengthType(OrderedDict.__len__, OrderedDict.clear, _size_without_links),
    dict: _LengthType(dict.__len__, dict.clear, dict.__sizeof__),
    list: _LengthType(list.__len__, list.clear, list.__sizeof__, slot_bytes=8),
    set: _LengthType(set.__len__, set.clear, set.__sizeof__),
    deque: _LengthType(deque.__len__, _blank, deque.__sizeof__, slot_bytes=8.25),
    LruCache: _LengthType(_entries, LruCache.cache_clear, _size_of_cache),
    bytearray: _LengthType(bytearray.__len__, bytearray.clear, bytearray.__sizeof__, slot_bytes=1),
    array: _LengthType(array.__len__, _clear_slots, array.__sizeof__, slot_bytes=8),
    BytesIO: _LengthType(_length_of_buffer, _empty_buffer, BytesIO.__sizeof__, slot_bytes=1),
}

_UNTRACKED = frozenset({dict, bytearray, array, BytesIO})
"""Types whose instances the collector may not list: they are found through what refers to them."""


def _kind(cls: type) -> _LengthType | None:
    return next((kind for known, kind in _KINDS.items() if issubclass(cls, known)), None)


def is_container(candidate: object) -> bool:
    """Return whether it has a length that we can read without running its code."""
    return _kind(type(candidate)) is not None


def length_of(container: object) -> int:
    """Return how many entries it has; 0 for what is no container."""
    kind = _kind(type(container))
    return 0 if kind is None else kind.length(container)


def empty(container: object) -> None:
    """Let go of all that it holds."""
    kind = _kind(type(container))
    assert kind is not None, "only what has a length is emptied"
    kind.empty(container)


def table_bytes(container: object) -> int:
    """Return what it takes by itself, without its entries."""
    kind = _kind(type(container))
    return 0 if kind is None else kind.size(container)


def slot_bytes(container: object) -> float:
    """Return what its own table grows by with each entry, steadily; 0 where it doubles now and then."""
    kind = _kind(type(container))
    return 0.0 if kind is None else kind.slot_bytes


def _containers() -> Iterator[tuple[Any, _LengthType]]:
    # by ids: a metaclass may have a __hash__ and an __eq__ of its own
    kinds: dict[int, tuple[type, _LengthType | None]] = {}
    found = gc.get_objects()
    for start in range(0, len(found), _BATCH):
        batch = found[start : start + _BATCH]
        # the collector does not track {int: str}, nor a bytearray: such a one is found through what refers to it
        # (but not of modules: 3.12's `_asyncio` tells dead objects, and asked twice it never comes to an end)
        asked = [one for one in batch if not issubclass(type(one), ModuleType)]
        untracked = [one for one in gc.get_referents(*asked) if type(one) in _UNTRACKED and not gc.is_tracked(one)]
        for part in (batch, untracked):
            for candidate in part:
                cls = type(candidate)
                if id(cls) not in kinds:
                    kinds[id(cls)] = cls, _kind(cls)
                kind = kinds[id(cls)][1]
                if kind is not None:
                    yield candidate, kind


def lengths() -> dict[int, int]:
    """Return the length of every container there is, by its id."""
    return {id(container): kind.length(container) for container, kind in _containers()}


def of_types(*types: type) -> Iterator[Any]:
    """Yield every container of these types, or of types derived from them."""
    return (container for container, _ in _containers() if issubclass(type(container), types))


def longer_than(before: dict[int, int]) -> list[tuple[Any, int]]:
    """Return each container that became longer, with its earlier length, the one that grew most first.

    An id may have been taken over by another container meanwhile: what is done with the answer
    has to bear that.
    """
    grown = {}
    for container, kind in _containers():
        earlier = before.get(id(container))
        if earlier is not None and kind.length(container) > earlier and container is not before:
            grown[id(container)] = (container, earlier, kind.length(container) - earlier)
    return [(container, earlier) for container, earlier, _ in sorted(grown.values(), key=lambda row: -row[2])]
