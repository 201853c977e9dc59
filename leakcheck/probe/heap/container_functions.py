"""Functions that read and empty built-in containers: what the rows of `container_types` refer to.

They call the base classes' own functions only: a subclass may define `__len__` or `clear`.
"""

import io
from _queue import SimpleQueue
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

LruCache = type(lru_cache(lambda: None))
_LINK_BYTES = 32  # not tuned: a node of CPython's
"""Each entry of an OrderedDict has a link, apart from the tables."""

# --- lengths and limits ---------------------------------------------------------------------------


def cache_length(cache: Any) -> int:
    """Return the number of cached results."""
    # through the type: functools copies the wrapped function's attributes over the wrapper's
    length: int = LruCache.cache_info(cache).currsize
    return length


def cache_limit(cache: Any) -> int | None:
    """Return the maxsize of an lru_cache."""
    limit: int | None = LruCache.cache_info(cache).maxsize
    return limit


def deque_limit(entries: Any) -> int | None:
    """Return the maxlen of a deque."""
    limit: int | None = deque.maxlen.__get__(entries)
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


# --- sizes ----------------------------------------------------------------------------------------


def cache_table_bytes(cache: Any) -> int:
    """Return the bytes of the dictionary inside a cache."""
    return sum(dict.__sizeof__(table) for table in gc.get_referents(cache) if type(table) is dict)


def ordered_table_bytes(ordered: Any) -> int:
    """Return the bytes of an OrderedDict without the links of its entries."""
    return OrderedDict.__sizeof__(ordered) - _LINK_BYTES * OrderedDict.__len__(ordered)


# --- emptying -------------------------------------------------------------------------------------


def blank_deque(entries: "deque[Any]") -> None:
    """Put None in each entry's place: clear() would keep 16 blocks, which could not be weighed."""
    for _ in range(deque.__len__(entries)):
        deque.rotate(entries)
        deque.__setitem__(entries, 0, None)


def clear_array(numbers: Any) -> None:
    """Remove all items of an array."""
    array.__delitem__(numbers, slice(None))


def truncate_buffer(buffer: Any) -> None:
    """Remove all bytes of a buffer."""
    io.BytesIO.seek(buffer, 0)
    io.BytesIO.truncate(buffer, 0)


# --- removing the newest entries ------------------------------------------------------------------


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


# --- reading the newest entries -------------------------------------------------------------------


def no_entries(_: Any, count: int) -> list[Any]:
    """Return an empty list, for types whose newest entries cannot be read."""
    return []


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
