"""What lines took and gave back, paired off by size: memory is often freed at another line than it is taken.

A local is taken at its line and freed when its function returns, which is charged to the caller's
line. Added up line by line, the first would seem to leak, and the second to be a fountain. There
are no addresses to tell which block was freed, but sizes tell well: a loss is paired with the
latest gains that add up to it exactly.
"""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from leakcheck.worker.own import BUILTINS

__builtins__ = BUILTINS

_MOST_TOGETHER = 9
"""Gains among which a sum is looked for: all ways to choose among so many are 512."""

Key = TypeVar("Key", bound=Hashable)


class Balance(Generic[Key]):
    """Gains and losses by key; None is a key that nobody is to be shown."""

    def __init__(self) -> None:
        self._net: dict[Key | None, list[int]] = {}
        self._open: list[tuple[int, Key | None]] = []
        """Gains that no loss has taken back yet, oldest first."""

    def charge(self, key: Key | None, change: int) -> None:
        """Book a gain under its key; a loss under the keys of the gains that it takes back, else under its own."""
        if change > 0:
            self._book(key, change, 1)
            self._open.append((change, key))
            return
        taken_back = self._same(-change) or self._sum(-change)
        for at in sorted(taken_back, reverse=True):
            gain, where = self._open.pop(at)
            self._book(where, -gain, -1)
        if not taken_back:
            self._book(key, change, 0)

    @property
    def unplaced(self) -> int:
        """The change that no key stands for."""
        return self._net.get(None, [0, 0])[0]

    def left(self) -> Iterator[tuple[Key, int, int]]:
        """Yield each key whose bytes changed, with the change in bytes and in blocks."""
        for key, (change, blocks) in self._net.items():
            if change and key is not None:
                yield key, change, blocks

    def _book(self, key: Key | None, change: int, blocks: int) -> None:
        entry = self._net.setdefault(key, [0, 0])
        entry[0] += change
        entry[1] += blocks

    def _same(self, size: int) -> list[int]:
        """Return the latest gain of exactly this size."""
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at][0] == size:
                return [at]
        return []

    def _sum(self, size: int) -> list[int]:
        """Return the latest gains that add up to this size; none where no choice of the latest few does."""
        sums: dict[int, list[int]] = {0: []}
        for at in range(len(self._open) - 1, max(len(self._open) - 1 - _MOST_TOGETHER, -1), -1):
            for total, chosen in list(sums.items()):
                with_it = total + self._open[at][0]
                if with_it == size:
                    return [*chosen, at]
                if with_it < size:
                    sums.setdefault(with_it, [*chosen, at])
        return []
