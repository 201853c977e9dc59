"""The table of container types: one row says all that the growth pass and the retention search know of a type.

A row is found by the real base type, so it serves the user's subclasses too.
"""

import atexit
import io
from _queue import SimpleQueue
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leakcheck.probe.heap import container_functions as functions
from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_functions import NO_SLOT, LruCache, SlotBytes, overallocating
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerType:
    """How to handle the containers of one base type."""

    base: type
    length: Callable[[Any], int]
    label: str = ""
    """What to call it; empty for the name of the class."""

    # --- the retention search: what removes entries runs in the forked copy that weighs; the search itself only reads
    remove_newest: Callable[[Any, int], object]
    """Remove so many of the newest entries, or all if that is all that can be done."""
    removes_all: bool = False
    newest: Callable[[Any, int], list[Any]] = lambda _, count: []
    """Return some of the newest entries, if they can be read; of a dictionary, keys and values alternate."""
    own_bytes: Callable[[Any], int] = lambda _: 0
    """Bytes of the container's own table."""
    has_inner_table: bool = False
    """Its entries lie in a list or dictionary of their own, which is no container by itself."""
    takes_entries_again: bool = True
    """It can be used on after `remove_newest`."""
    untracked_in_search: bool = False
    """The search also looks for instances that the collector does not list, through what refers to them."""

    # --- the growth pass: containers that may have a limit
    empty: Callable[[Any], object] | None = None
    """Remove all entries; None if the growth pass leaves the type alone."""
    growth_length: Callable[[Any], int] | None = None
    """The length that the growth pass reads, if that is another one."""
    table_bytes: Callable[[Any], int] | None = None
    """The bytes of the table that the growth pass reads, if those are not `own_bytes`."""
    steady_slot_bytes: float = 0.0
    """Bytes that the table grows by with each entry; 0 for one that doubles: growth leaves out its steps."""
    slot: Callable[[Any], SlotBytes] = lambda _: NO_SLOT
    """Bytes of the table per entry, before and after it is enlarged."""
    untracked_in_growth: bool = False
    """The growth pass also looks for instances that the collector does not list."""
    limit: Callable[[Any], int | None] = lambda _: None
    """Return the limit that the container itself knows, if it has one."""
    limit_name: str = ""
    """What that limit is called; empty if no container of the type knows one."""

    def word(self, container: Any) -> str:
        """Return what to call a container, with its limit: `list`, `deque(maxlen=2000)`."""
        name = self.label or introspect.name_of_class(type(container))
        limit = self.limit(container)
        # an lru_cache is written with maxsize=None where it has no limit
        return f"{name}({self.limit_name}={limit})" if limit is not None or self.base is LruCache else name


# an OrderedDict stands before the dict it also is: dict's own functions would leave its links behind
CONTAINER_TYPES = (
    ContainerType(
        base=OrderedDict,
        length=dict.__len__,
        remove_newest=functions.all_by(OrderedDict.clear),
        removes_all=True,
        newest=functions.newest_items,
        own_bytes=OrderedDict.__sizeof__,
        empty=OrderedDict.clear,
        table_bytes=functions.ordered_table_bytes,
        slot=functions.slot_of_dict,
    ),
    ContainerType(
        base=dict,
        length=dict.__len__,
        remove_newest=functions.pop_items,
        newest=functions.newest_items,
        own_bytes=dict.__sizeof__,
        untracked_in_search=True,
        empty=dict.clear,
        slot=functions.slot_of_dict,
        untracked_in_growth=True,
    ),
    ContainerType(
        base=list,
        length=list.__len__,
        remove_newest=functions.delete_tail(list),
        newest=functions.first_of(list.__reversed__),
        own_bytes=list.__sizeof__,
        empty=list.clear,
        steady_slot_bytes=8,  # not tuned: a pointer
        slot=overallocating(1 / 8, 8),  # not tuned: by listobject.c
    ),
    ContainerType(
        base=set,
        length=set.__len__,
        remove_newest=functions.all_by(set.clear),
        removes_all=True,
        newest=functions.first_of(set.__iter__),
        own_bytes=set.__sizeof__,
        empty=set.clear,
        slot=functions.slot_of_set,
    ),
    ContainerType(
        base=deque,
        length=deque.__len__,
        remove_newest=functions.blank_right,
        newest=functions.first_of(deque.__reversed__),
        own_bytes=deque.__sizeof__,
        empty=functions.blank_deque,
        steady_slot_bytes=8.25,  # not tuned: see below
        slot=overallocating(0, 8.25),  # not tuned: 64 to a block with 2 pointers (_collectionsmodule.c)
        limit=deque.maxlen.__get__,
        limit_name="maxlen",
    ),
    ContainerType(
        base=LruCache,
        label="lru_cache",
        length=functions.cache_length,
        remove_newest=functions.all_by(LruCache.cache_clear),
        removes_all=True,
        newest=functions.newest_cached,
        has_inner_table=True,
        empty=LruCache.cache_clear,
        table_bytes=functions.cache_table_bytes,
        limit=functions.cache_limit,
        limit_name="maxsize",
    ),
    ContainerType(base=SimpleQueue, length=SimpleQueue.qsize, remove_newest=functions.get_all, has_inner_table=True),
    ContainerType(
        base=bytearray,
        length=bytearray.__len__,
        remove_newest=functions.delete_tail(bytearray),
        own_bytes=bytearray.__sizeof__,
        untracked_in_search=True,
        empty=bytearray.clear,
        steady_slot_bytes=1,
        slot=overallocating(1 / 8, 1),  # not tuned: by bytearrayobject.c
        untracked_in_growth=True,
    ),
    ContainerType(
        base=array,
        length=array.__len__,
        remove_newest=functions.delete_tail(array),
        own_bytes=array.__sizeof__,
        empty=lambda numbers: array.__delitem__(numbers, slice(None)),
        steady_slot_bytes=8,  # not tuned: a pointer
        slot=functions.slot_of_array,
        untracked_in_growth=True,
    ),
    ContainerType(
        base=io.BytesIO,
        length=functions.position_in(io.BytesIO),
        remove_newest=functions.all_by(io.BytesIO.close),
        removes_all=True,
        takes_entries_again=False,
        empty=functions.truncate_buffer,
        growth_length=functions.buffer_length,
        table_bytes=io.BytesIO.__sizeof__,
        steady_slot_bytes=1,
        slot=overallocating(1 / 8, 1),  # not tuned: by bytearrayobject.c
        untracked_in_growth=True,
    ),
    ContainerType(
        base=io.StringIO,
        length=functions.position_in(io.StringIO),
        remove_newest=functions.all_by(io.StringIO.close),
        removes_all=True,
        takes_entries_again=False,
    ),
)

AT_EXIT = ContainerType(
    base=type(atexit),
    label="registered functions",
    length=lambda _: atexit._ncallbacks(),
    remove_newest=functions.all_by(lambda _: atexit._clear()),
    removes_all=True,
    takes_entries_again=False,
)
"""The functions to call at exit: a table in C that no object refers to."""

_MAY_HAVE_LIMIT = tuple(row for row in CONTAINER_TYPES if row.empty is not None)


def container_type_of(cls: type) -> ContainerType | None:
    """Return the row for a class; None if its instances have no length that can be read without running its code."""
    # issubclass() asks the metaclass of its second argument, which is `type` for each of these
    return next((row for row in CONTAINER_TYPES if issubclass(cls, row.base)), None)


def growth_type_of(cls: type) -> ContainerType | None:
    """Return the row for a class if the growth pass reads the lengths of its instances, else None."""
    return next((row for row in _MAY_HAVE_LIMIT if issubclass(cls, row.base)), None)
