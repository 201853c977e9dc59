"""Which containers gain entries with the calls: what no meter shows while their tables have room.

A list of n entries stands still for n/8 calls, a dict for n, and the next resize may lie beyond any replay that
is affordable. Lengths are exact from call to call. Two steps: all lengths by id, before and after some calls, which
keeps nothing alive; then the few that became longer are followed, at each reading of the meters.
"""

import math
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from leakcheck.probe.heap.containers import length_of, lengths, longer_than
from leakcheck.probe.meters.memory import CAPACITY
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

MOST_FOLLOWED = 16
"""Containers whose lengths are read with the meters."""

_SET_HEAD_BYTES, _SET_SLOT_BYTES, _FULL_SET = 200, 16, 3 / 5
_LARGE_SET = 50_000
"""Entries up to which a full set's table becomes four times as large, and twice from then on."""

_MOST_DICT_BITS = 40
_DICT_HEAD_BYTES = 120


@dataclass(frozen=True, slots=True)
class SlotBytes:
    """What a table takes for each entry: just before it is enlarged, and just after."""

    low: float
    high: float


def _growing_by(share: float, bytes_per_entry: float) -> Callable[[Any], SlotBytes]:
    return lambda _: SlotBytes(bytes_per_entry, bytes_per_entry * (1 + share))


def _slot_of_array(numbers: "array[Any]") -> SlotBytes:
    size: int = array.itemsize.__get__(numbers)
    return SlotBytes(size, size * (1 + 1 / 16))


def _slot_of_set(entries: Any) -> SlotBytes:
    low = _SET_SLOT_BYTES / _FULL_SET
    return SlotBytes(low, low * (4 if set.__len__(entries) <= _LARGE_SET else 2))


def _slot_of_dict(entries: Any) -> SlotBytes:
    """Return the bytes per entry of a table that doubles: indices of 1 to 8 bytes, two thirds as many entries."""
    size = dict.__sizeof__(entries)
    low = 24 + 3.0
    for bits in range(3, _MOST_DICT_BITS):
        slots = 1 << bits
        index = 1 if bits < 8 else 2 if bits < 16 else 4 if bits < 32 else 8
        for entry in (16, 24):
            needed = index * slots + entry * (2 * slots // 3)
            if 0 <= size - needed <= _DICT_HEAD_BYTES:
                low = entry + 1.5 * index
    return SlotBytes(low, 2 * low)


# CPython's own factors: listobject.c, bytearrayobject.c, arraymodule.c, setobject.c, dictobject.c, _collectionsmodule.c
_SLOTS: dict[type, Callable[[Any], SlotBytes]] = {
    list: _growing_by(1 / 8, 8),
    bytearray: _growing_by(1 / 8, 1),
    BytesIO: _growing_by(1 / 8, 1),
    array: _slot_of_array,
    set: _slot_of_set,
    OrderedDict: _slot_of_dict,
    dict: _slot_of_dict,
    deque: lambda _: SlotBytes(8.25, 8.25),
}


def slot_of(container: object) -> SlotBytes:
    """Return what its table takes for each entry; nothing for what has no table of its own."""
    cls = type(container)
    return next((slot(container) for known, slot in _SLOTS.items() if issubclass(cls, known)), SlotBytes(0.0, 0.0))


class FollowedLengths:
    """The containers that became longer, and the arrays that their lengths are written into at each reading."""

    def __init__(self) -> None:
        # full size now: reading must not allocate
        self._columns = [array("q", bytes(8 * CAPACITY)) for _ in range(MOST_FOLLOWED)]
        self._containers: list[Any] = []
        self._rows = array("q", [0])

    def follow(self, containers: list[Any]) -> None:
        """Read the lengths of these from now on."""
        self._containers = containers[:MOST_FOLLOWED]

    def start_block(self) -> None:
        """Forget the last block's lengths; their room is used again."""
        self._rows[0] = 0

    def read(self) -> None:
        """Read all lengths once."""
        row = self._rows[0]
        for at, container in enumerate(self._containers):
            self._columns[at][row] = length_of(container)
        self._rows[0] = row + 1

    @property
    def names(self) -> list[str]:
        """Return the columns' names, in the order of `columns`."""
        return [f"followed_{at}" for at in range(len(self._containers))]

    def columns(self) -> list[tuple["array[int]", int]]:
        """Return the arrays, and how much of each is this block's."""
        return [(column, self._rows[0]) for column in self._columns[: len(self._containers)]]


def look(replay: Callable[[int], None], calls: int, followed: FollowedLengths, *, thaws: bool = True) -> dict[str, Any]:
    """Replay some calls, and have those containers followed that became longer; return what was gained.

    The heap is thawed for it and stays so, unless somebody else has frozen it: what is frozen is in no list of the
    collector's.
    """
    if thaws:
        gc.unfreeze()
    settle()
    before = lengths()
    replay(calls)
    settle()
    rows = [(one, length_of(one) - earlier, slot_of(one)) for one, earlier in longer_than(before)]
    before.clear()
    gained = sorted((row for row in rows if row[2].low and row[1] > 0), key=lambda row: -row[1] * row[2].low)
    first = gained[:MOST_FOLLOWED]
    followed.follow([container for container, _, _ in first])
    return {
        "gained_bytes": math.fsum(entries * slot.low for _, entries, slot in gained),
        "followed": [{"gained": entries, "low": slot.low, "high": slot.high} for _, entries, slot in first],
    }
