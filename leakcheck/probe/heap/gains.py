"""Find containers that gain entries with the calls, which no meter shows while their tables have room.

A table of n entries stays the same for n/8 calls in a list and for n in a dictionary, and the next resize may lie
beyond any replay that is affordable, whereas lengths are exact from call to call. There are two steps: the lengths of
all containers by id before and after some calls, which keeps nothing alive; then the few that became longer are
followed at each reading of the meters.
"""

import math
from array import array
from collections.abc import Callable
from typing import Any

from leakcheck.probe.heap.containers import length_of, lengths, longer_than, slot_of
from leakcheck.probe.meters.memory import BLOCK_CAPACITY
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

MAX_FOLLOWED = 16  # any value from 8 to 64 does: the others count by their share


class FollowedLengths:
    """The containers that became longer, and the arrays that hold their lengths at each reading."""

    def __init__(self) -> None:
        # full size now: reading must not allocate
        self._columns = [array("q", bytes(8 * BLOCK_CAPACITY)) for _ in range(MAX_FOLLOWED)]
        self._containers: list[Any] = []
        self._rows = array("q", [0])

    def follow(self, containers: list[Any]) -> None:
        """Read the lengths of these containers from now on."""
        self._containers = containers[:MAX_FOLLOWED]

    def start_block(self) -> None:
        """Discard the last block's lengths; their space is used again."""
        self._rows[0] = 0

    def read(self) -> None:
        """Read all lengths once."""
        row = self._rows[0]
        for index, container in enumerate(self._containers):
            self._columns[index][row] = length_of(container)
        self._rows[0] = row + 1

    @property
    def names(self) -> list[str]:
        """Return the columns' names, in the order of `columns`."""
        return [f"followed_{index}" for index in range(len(self._containers))]

    def columns(self) -> list[tuple["array[int]", int]]:
        """Return the arrays, and how many items of each belong to this block."""
        return [(column, self._rows[0]) for column in self._columns[: len(self._containers)]]


def find_gaining_containers(
    replay: Callable[[int], None], calls: int, followed: FollowedLengths, *, thaws: bool = True
) -> dict[str, Any]:
    """Replay some calls, follow the containers that became longer, and return what they gained.

    The heap is unfrozen first and stays so, unless `thaws` is False: frozen objects are in none of the collector's
    lists.
    """
    if thaws:
        gc.unfreeze()
    settle()
    before = lengths()
    replay(calls)
    settle()
    changes = [
        (container, length_of(container) - earlier, slot_of(container)) for container, earlier in longer_than(before)
    ]
    before.clear()
    gained = sorted(
        (change for change in changes if change[2].low and change[1] > 0), key=lambda change: -change[1] * change[2].low
    )
    largest = gained[:MAX_FOLLOWED]
    followed.follow([container for container, _, _ in largest])
    return {
        "gained_bytes": math.fsum(entries * slot.low for _, entries, slot in gained),
        "followed": [{"gained": entries, "low": slot.low, "high": slot.high} for _, entries, slot in largest],
    }
