"""The series of one meter's readings, with its chunks and floors.

A series has some hundred readings, and at most a few thousand: importing NumPy would take longer than all computations.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import sub

Numbers = Sequence[float]


class Series:
    """The readings of one meter against the calls replayed, in ascending order of calls."""

    __slots__ = ("calls", "values")

    def __init__(self, calls: Iterable[float], values: Iterable[float]) -> None:
        self.calls: Numbers = tuple(map(float, calls))
        self.values: Numbers = tuple(map(float, values))

    def __len__(self) -> int:
        return len(self.calls)

    @property
    def span(self) -> float:
        """Return the calls between the first reading and the last."""
        return self.calls[-1] - self.calls[0]

    @property
    def spread(self) -> float:
        """Return the difference between the highest and the lowest reading."""
        return max(self.values) - min(self.values)

    @property
    def rise(self) -> float:
        """Return the last reading less the first."""
        return self.values[-1] - self.values[0]

    @property
    def last_call(self) -> float:
        """Return the number of calls at the last reading; 0 if there is none."""
        return self.calls[-1] if len(self) else 0.0

    def after(self, call: float) -> "Series":
        """Return the readings taken at `call` or later."""
        return self._part(bisect_left(self.calls, call), len(self))

    def chunks(self, count: int) -> "list[Series]":
        """Return `count` stretches of equally many calls, without those that have no reading."""
        return [self._part(first, end) for first, end in self._stretches(count)]

    def floors(self, count: int) -> "Series":
        """Return the lowest reading of each chunk, at the call of that reading."""
        values = self.values
        lowest = [values.index(min(values[first:end]), first, end) for first, end in self._stretches(count)]
        return Series([self.calls[index] for index in lowest], [values[index] for index in lowest])

    def _stretches(self, count: int) -> list[tuple[int, int]]:
        """Return the first index of each chunk, and the index after its last."""
        start, width = self.calls[0], self.span / count
        cuts = [bisect_left(self.calls, number * width + start) for number in range(1, count)]
        return [(first, end) for first, end in pairwise([0, *cuts, len(self)]) if first < end]

    def _part(self, first: int, end: int) -> "Series":
        part = Series((), ())  # without converting the numbers again
        part.calls, part.values = self.calls[first:end], self.values[first:end]
        return part


def differences(values: Numbers) -> list[float]:
    """Return the difference of each value from the one before it."""
    return list(map(sub, values[1:], values))
