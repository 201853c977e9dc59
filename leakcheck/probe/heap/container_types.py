"""Everything with a length, by its real base type: how to read it, and how to take its newest entries out.

Through the base classes' functions, always: a subclass may have a `__len__` and a `clear` of its own.
What takes out (`let_go`) is for the forked copy that weighs; the search itself only reads.
"""

import atexit
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
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

LruCache = type(lru_cache(lambda: None))


def _nothing(_: Any) -> int:
    return 0


def _none(_: Any, count: int) -> list[Any]:
    return []


@dataclass(frozen=True, slots=True)
class ContainerType:
    """How to handle the containers of one base type."""

    base: type
    length: Callable[[Any], int]
    let_go: Callable[[Any, int], object]
    """Take out the newest so many, or all where that is all that can be done."""
    own_bytes: Callable[[Any], int] = _nothing
    """What the container's own table takes."""
    newest: Callable[[Any, int], list[Any]] = _none
    """Some of what was put in last."""
    takes_all: bool = False

    def word(self, container: Any) -> str:
        """Return what to call it, with its limit: `list`, `deque(maxlen=2000)`."""
        if self.base is LruCache:
            return f"lru_cache(maxsize={LruCache.cache_info(container).maxsize})"
        if self.base is deque:
            limit = deque.maxlen.__get__(container)
            return introspect.name_of_class(type(container)) + (f"(maxlen={limit})" if limit is not None else "")
        return "registered functions" if self.base is type(atexit) else introspect.name_of_class(type(container))

    def limit(self, container: Any) -> int | None:
        """Return the limit that the container itself knows."""
        if self.base is LruCache:
            limit: int | None = LruCache.cache_info(container).maxsize
            return limit
        return deque.maxlen.__get__(container) if self.base is deque else None


def _del_tail(base: Any) -> Callable[[Any, int], object]:
    def let_go(container: Any, count: int) -> None:
        base.__delitem__(container, slice(max(0, base.__len__(container) - count), None))

    return let_go


def _pop_items(container: Any, count: int) -> None:
    for _ in range(count):
        dict.popitem(container)


def _blank_right(container: Any, count: int) -> None:
    # None in each place: pop() would keep 16 blocks for later, which nobody could weigh
    for place in range(1, count + 1):
        deque.__setitem__(container, -place, None)


def _get_all(container: Any, count: int) -> None:
    for _ in range(count):
        SimpleQueue.get_nowait(container)


def _clear(clear: Callable[[Any], object]) -> Callable[[Any, int], object]:
    def let_go(container: Any, count: int) -> None:
        clear(container)

    return let_go


def _entries(cache: Any) -> int:
    # through the type: the wrapped function's own attributes are copied over the wrapper's
    length: int = LruCache.cache_info(cache).currsize
    return length


def _text_length(text: Any) -> int:
    try:
        end = io.StringIO.tell(text)
    except ValueError:  # closed, or never set up
        end = 0
    return end


def _bytes_length(buffer: Any) -> int:
    try:
        end = io.BytesIO.tell(buffer)
    except ValueError:
        end = 0
    return end


def _newest_items(container: Any, count: int) -> list[Any]:
    try:
        items = list(islice(reversed(dict.items(container)), count))
    except RuntimeError:  # another thread changed it meanwhile
        return []
    return [part for item in items for part in item]


def _some(take: Callable[[Any], Iterable[Any]]) -> Callable[[Any, int], list[Any]]:
    def newest(container: Any, count: int) -> list[Any]:
        try:
            return list(islice(take(container), count))
        except RuntimeError:
            return []

    return newest


def _newest_cached(cache: Any, count: int) -> list[Any]:
    """Return keys and results of a cache without a limit; one with a limit has links that nobody can follow."""
    length = LruCache.cache_info(cache).currsize
    tables = [one for one in introspect.referents((cache,)) if type(one) is dict and len(one) == length]
    if LruCache.cache_info(cache).maxsize is not None:
        return []
    return [part for table in tables for part in _newest_items(table, count)]


# an OrderedDict stands before the dict it also is: dict.popitem() would leave its links behind
KINDS = (
    ContainerType(OrderedDict, dict.__len__, _clear(OrderedDict.clear), OrderedDict.__sizeof__, _newest_items, True),
    ContainerType(dict, dict.__len__, _pop_items, dict.__sizeof__, _newest_items),
    ContainerType(list, list.__len__, _del_tail(list), list.__sizeof__, _some(list.__reversed__)),
    ContainerType(set, set.__len__, _clear(set.clear), set.__sizeof__, _some(set.__iter__), True),
    ContainerType(deque, deque.__len__, _blank_right, deque.__sizeof__, _some(deque.__reversed__)),
    ContainerType(LruCache, _entries, _clear(LruCache.cache_clear), _nothing, _newest_cached, True),
    ContainerType(SimpleQueue, SimpleQueue.qsize, _get_all),
    ContainerType(bytearray, bytearray.__len__, _del_tail(bytearray), bytearray.__sizeof__),
    ContainerType(array, array.__len__, _del_tail(array), array.__sizeof__),
    ContainerType(io.BytesIO, _bytes_length, _clear(io.BytesIO.close), takes_all=True),
    ContainerType(io.StringIO, _text_length, _clear(io.StringIO.close), takes_all=True),
)

AT_EXIT = ContainerType(type(atexit), lambda _: atexit._ncallbacks(), _clear(lambda _: atexit._clear()), takes_all=True)
"""The functions to call at exit: a table in C that no object refers to."""

UNTRACKED = (dict, bytearray)
"""Types whose instances the collector may not list: {int: str} is a dict that it does not track."""


def kind_of(cls: type) -> ContainerType | None:
    """Return how to handle the instances of a class; None where they have no length that can be read."""
    # issubclass() asks the second class's type, and that is `type` for each of these
    return next((kind for kind in KINDS if issubclass(cls, kind.base)), None)
