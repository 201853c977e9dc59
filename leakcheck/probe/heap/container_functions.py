"""Functions that read and empty built-in containers: what the rows of `container_types` refer to.

First lengths and limits, then the sizes of tables (the bytes per entry follow from CPython's own growth factors), then
what empties, and what removes and reads the newest entries. They call the base classes' own functions only: a subclass
may define `__len__` or `clear`.
"""

import io
from _queue import SimpleQueue
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

LruCache = type(lru_cache(lambda: None))
_LINK_BYTES = 32  # not tuned: a node of CPython's
"""Each entry of an OrderedDict has a link, apart from the tables."""

_SET_SLOT_BYTES, _FULL_SET = 16, 3 / 5  # not tuned: by setobject.c
_LARGE_SET = 50_000  # not tuned: by setobject.c
"""Up to so many entries a full set's table becomes four times as large, from then on twice."""

_MAX_DICT_BITS = 40  # any value from 32 to 64 does: 2**32 slots fill 100 GiB
_DICT_HEAD_BYTES = 120  # not tuned: by dictobject.c


def cache_length(cache: Any) -> int:
    """Return the number of cached results."""
    # through the type: functools copies the wrapped function's attributes over the wrapper's
    length: int = LruCache.cache_info(cache).currsize
    return length


def cache_limit(cache: Any) -> int | None:
    """Return the maxsize of an lru_cache."""
    limit: int | None = LruCache.cache_info(cache).maxsize
    return limit


def buffer_length(buffer: Any) -> int:
    """Return how many bytes are in it, wherever it was last read or written; 0 if it is closed or was never set up."""
    try:
        with io.BytesIO.getbuffer(buffer) as view:
            return view.nbytes
    except ValueError:
        return 0


def position_in(base: Any) -> Callable[[Any], int]:
    """Return a function for the position in a file in memory; 0 if it is closed or was never set up."""

    def position(file: Any) -> int:
        try:
            return int(base.tell(file))
        except ValueError:
            return 0

    return position


def cache_table_bytes(cache: Any) -> int:
    """Return the bytes of the dictionary inside a cache."""
    return sum(dict.__sizeof__(table) for table in gc.get_referents(cache) if type(table) is dict)


def ordered_table_bytes(ordered: Any) -> int:
    """Return the bytes of an OrderedDict without the links of its entries."""
    return OrderedDict.__sizeof__(ordered) - _LINK_BYTES * OrderedDict.__len__(ordered)


@dataclass(frozen=True, slots=True)
class SlotBytes:
    """Bytes of a table per entry: just before it is enlarged, and just after."""

    low: float
    high: float


NO_SLOT = SlotBytes(0.0, 0.0)


def overallocating(share: float, bytes_per_entry: float) -> Callable[[Any], SlotBytes]:
    """Return a function for tables that are enlarged by a share of their length (listobject.c, bytearrayobject.c)."""
    slot = SlotBytes(bytes_per_entry, bytes_per_entry * (1 + share))
    return lambda _: slot


def slot_of_array(numbers: "array[Any]") -> SlotBytes:
    """Return the bytes per item of an array, which is enlarged by a sixteenth (arraymodule.c)."""
    size: int = array.itemsize.__get__(numbers)
    return SlotBytes(size, size * (1 + 1 / 16))


def slot_of_set(entries: Any) -> SlotBytes:
    """Return the bytes per entry of a set, whose table is enlarged when three fifths are in use (setobject.c)."""
    low = _SET_SLOT_BYTES / _FULL_SET
    return SlotBytes(low, low * (4 if set.__len__(entries) <= _LARGE_SET else 2))


def slot_of_dict(entries: Any) -> SlotBytes:
    """Return the bytes per entry of a dictionary (dictobject.c).

    Its table doubles; it has indices of 1 to 8 bytes and two thirds as many entries as indices.
    """
    size = dict.__sizeof__(entries)
    low = 24 + 3.0
    for bits in range(3, _MAX_DICT_BITS):
        slots = 1 << bits
        index = 1 if bits < 8 else 2 if bits < 16 else 4 if bits < 32 else 8
        for entry in (16, 24):
            needed = index * slots + entry * (2 * slots // 3)
            if 0 <= size - needed <= _DICT_HEAD_BYTES:
                low = entry + 1.5 * index
    return SlotBytes(low, 2 * low)


def blank_deque(entries: "deque[Any]") -> None:
    """Put None in each entry's place: clear() would keep 16 blocks, which could not be weighed."""
    for _ in range(deque.__len__(entries)):
        deque.rotate(entries)
        deque.__setitem__(entries, 0, None)


def truncate_buffer(buffer: Any) -> None:
    """Remove all bytes of a buffer."""
    io.BytesIO.seek(buffer, 0)
    io.BytesIO.truncate(buffer, 0)


def delete_tail(base: Any) -> Callable[[Any, int], object]:
    """Return a function that deletes the last entries of a sequence."""

    def remove(container: Any, count: int) -> None:
        base.__delitem__(container, slice(max(0, base.__len__(container) - count), None))

    return remove


def pop_items(container: Any, count: int) -> None:
    """Remove the newest items of a dictionary."""
    for _ in range(count):
        dict.popitem(container)


def blank_right(container: Any, count: int) -> None:
    """Put None in the place of the newest entries: pop() would keep 16 blocks, which could not be weighed."""
    for place in range(1, count + 1):
        deque.__setitem__(container, -place, None)


def get_all(container: Any, count: int) -> None:
    """Take so many entries out of a queue."""
    for _ in range(count):
        SimpleQueue.get_nowait(container)


def all_by(clear: Callable[[Any], object]) -> Callable[[Any, int], object]:
    """Return a function that removes all entries, whatever the count."""

    def remove(container: Any, count: int) -> None:
        clear(container)

    return remove


def newest_items(container: Any, count: int) -> list[Any]:
    """Return the newest keys and values of a dictionary, alternating."""
    try:
        items = list(islice(reversed(dict.items(container)), count))
    except RuntimeError:  # another thread changed it meanwhile
        return []
    return [part for item in items for part in item]


def first_of(iterate: Callable[[Any], Iterable[Any]]) -> Callable[[Any, int], list[Any]]:
    """Return a function that takes the first entries of an iteration."""

    def newest(container: Any, count: int) -> list[Any]:
        try:
            return list(islice(iterate(container), count))
        except RuntimeError:
            return []

    return newest


def newest_cached(cache: Any, count: int) -> list[Any]:
    """Return keys and results of a cache without a limit; one with a limit has links that cannot be followed."""
    length = cache_length(cache)
    tables = [table for table in introspect.referents((cache,)) if type(table) is dict and len(table) == length]
    if cache_limit(cache) is not None:
        return []
    return [part for table in tables for part in newest_items(table, count)]
