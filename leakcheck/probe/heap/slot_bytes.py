"""Bytes that a container's table takes for each entry, from CPython's own growth factors."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_SET_SLOT_BYTES, _FULL_SET = 16, 3 / 5  # not tuned: by setobject.c
_LARGE_SET = 50_000  # not tuned: by setobject.c
"""Up to so many entries a full set's table becomes four times as large, from then on twice."""

_MAX_DICT_BITS = 40  # any value from 32 to 64 does: 2**32 slots fill 100 GiB
_DICT_HEAD_BYTES = 120  # not tuned: by dictobject.c


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
