"""One meter's readings against the calls replayed, and the stretches and floors that are judged.

Lists of some hundred numbers, a few thousand at the most: an array's library takes longer to be imported than all that
is reckoned with them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import sub

Numbers = Sequence[float]


class Series:
    """One meter's readings against the calls replayed, which ascend."""

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
        """Return how far the lowest reading and the highest lie apart."""
        return max(self.values) - min(self.values)

    @property
    def last_call(self) -> float:
        """Return the number of the last call that was read."""
        return self.calls[-1] if len(self) else 0.0

    def after(self, call: float) -> "Series":
        """Return the readings taken at `call` or later."""
        return self._part(bisect_left(self.calls, call), len(self))

    def before(self, call: float) -> "Series":
        """Return the readings taken until `call`."""
        return self._part(0, bisect_right(self.calls, call))

    def chunks(self, count: int) -> "list[Series]":
        """Return `count` stretches of equally many calls, fewer where one would be empty."""
        return [self._part(first, end) for first, end in self._stretches(count)]

    def floors(self, count: int) -> "Series":
        """Return the lowest reading of each chunk, at the call where it was read."""
        values = self.values
        lowest = [values.index(min(values[first:end]), first, end) for first, end in self._stretches(count)]
        return Series([self.calls[at] for at in lowest], [values[at] for at in lowest])

    def _stretches(self, count: int) -> list[tuple[int, int]]:
        """Return the first place of each chunk, and the one after its last."""
        begin, width = self.calls[0], self.span / count
        cuts = [bisect_left(self.calls, at * width + begin) for at in range(1, count)]
        return [(first, end) for first, end in pairwise([0, *cuts, len(self)]) if first < end]

    def _part(self, first: int, end: int) -> "Series":
        part = Series((), ())  # what is copied are numbers already
        part.calls, part.values = self.calls[first:end], self.values[first:end]
        return part


def steps_of(values: Numbers) -> list[float]:
    """Return how far each value lies above the one before it."""
    return list(map(sub, values[1:], values))
