"""One meter's readings against the calls replayed, and the stretches and floors that are judged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Series:
    """One meter's readings against the calls replayed."""

    def __init__(self, calls: Sequence[float] | Numbers, values: Sequence[float] | Numbers) -> None:
        self.calls: Numbers = np.asarray(calls, dtype=np.float64)
        self.values: Numbers = np.asarray(values, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.calls)

    @property
    def span(self) -> float:
        """Return the calls between the first reading and the last."""
        return float(self.calls[-1] - self.calls[0])

    @property
    def last_call(self) -> float:
        """Return the number of the last call that was read."""
        return float(self.calls[-1]) if len(self) else 0.0

    def after(self, call: float) -> "Series":
        """Return the readings taken at `call` or later."""
        kept = self.calls >= call
        return Series(self.calls[kept], self.values[kept])

    def before(self, call: float) -> "Series":
        """Return the readings taken until `call`."""
        kept = self.calls <= call
        return Series(self.calls[kept], self.values[kept])

    def chunks(self, count: int) -> "list[Series]":
        """Return `count` stretches of equally many calls, fewer where one would be empty."""
        edges = np.linspace(self.calls[0], self.calls[-1], count + 1)[1:-1]
        cuts = np.searchsorted(self.calls, edges)
        parts = zip(np.split(self.calls, cuts), np.split(self.values, cuts), strict=True)
        return [Series(calls, values) for calls, values in parts if len(calls)]

    def floors(self, count: int) -> "Series":
        """Return the lowest reading of each chunk, at the call where it was read."""
        lowest = [(part.calls[at], part.values[at]) for part in self.chunks(count) for at in [part.values.argmin()]]
        calls, values = zip(*lowest, strict=True)
        return Series(calls, values)
