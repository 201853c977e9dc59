"""The containers that may have a limit: how long each is, which have become longer, and how to empty them.

All is read through the functions in `container_types`, so no code of the user's is run.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from leakcheck.probe.heap.container_functions import NO_SLOT, SlotBytes
from leakcheck.probe.heap.container_types import CONTAINER_TYPES, ContainerType, growth_type_of
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_BATCH = 20_000  # any value from 1000 to 100000 does: a list of so many is made at a time
# by ids, here and below: a metaclass may define __hash__ and __eq__
_UNTRACKED = frozenset(id(row.base) for row in CONTAINER_TYPES if row.untracked_in_growth)


def _length(row: ContainerType, container: Any) -> int:
    return (row.growth_length or row.length)(container)


def is_container(candidate: object) -> bool:
    """Return whether an object has a length that can be read without running its code."""
    return growth_type_of(type(candidate)) is not None


def length_of(container: object) -> int:
    """Return the number of entries; 0 if it is no container."""
    row = growth_type_of(type(container))
    return 0 if row is None else _length(row, container)


def empty(container: object) -> None:
    """Remove all entries."""
    row = growth_type_of(type(container))
    assert row is not None, "only containers are emptied"
    assert row.empty is not None
    row.empty(container)


def table_bytes(container: object) -> int:
    """Return the bytes of the container itself, without its entries."""
    row = growth_type_of(type(container))
    return 0 if row is None else (row.table_bytes or row.own_bytes)(container)


def steady_slot_bytes(container: object) -> float:
    """Return the bytes that the container's table grows by with each entry; 0 if it doubles now and then."""
    row = growth_type_of(type(container))
    return 0.0 if row is None else row.steady_slot_bytes


def slot_of(container: object) -> SlotBytes:
    """Return the bytes of the container's table per entry; zeros if it has no table of its own."""
    row = growth_type_of(type(container))
    return NO_SLOT if row is None else row.slot(container)


def _containers() -> Iterator[tuple[Any, ContainerType]]:
    rows: dict[int, tuple[type, ContainerType | None]] = {}
    objects = gc.get_objects()
    for start in range(0, len(objects), _BATCH):
        batch = objects[start : start + _BATCH]
        # the collector tracks neither {int: str} nor a bytearray: such a one is found through its referrers,
        # modules excepted (`_asyncio` of 3.12 reports freed objects, and asked twice it never comes to an end)
        sources = [source for source in batch if not issubclass(type(source), ModuleType)]
        untracked = [
            referent
            for referent in gc.get_referents(*sources)
            if id(type(referent)) in _UNTRACKED and not gc.is_tracked(referent)
        ]
        for part in (batch, untracked):
            for candidate in part:
                cls = type(candidate)
                if id(cls) not in rows:
                    # with the class, so that its id is not used again
                    rows[id(cls)] = cls, growth_type_of(cls)
                row = rows[id(cls)][1]
                if row is not None:
                    yield candidate, row


def lengths() -> dict[int, int]:
    """Return the length of every container in the process by its id."""
    return {id(container): _length(row, container) for container, row in _containers()}


def with_own_limit() -> Iterator[Any]:
    """Yield every container of a type whose instances may know their own limit."""
    return (container for container, row in _containers() if row.limit_name)


def longer_than(before: dict[int, int]) -> list[tuple[Any, int]]:
    """Return each container that became longer, with its earlier length; the one that grew most comes first.

    An id may have been taken over by another container meanwhile, which the caller has to bear with.
    """
    grown = {}
    for container, row in _containers():
        earlier = before.get(id(container))
        if earlier is not None and container is not before and (gained := _length(row, container) - earlier) > 0:
            grown[id(container)] = (container, earlier, gained)
    return [(container, earlier) for container, earlier, _ in sorted(grown.values(), key=lambda entry: -entry[2])]
