"""Containers that gain entries with the calls, while the heap is flat because their tables have room.

Lengths are exact, so the question is whether they go on rising, call after call: a list that is pruned every two
hundred calls falls back, and a cache that is full stops.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from leakcheck.analysis.growth.series import Series, differences
from leakcheck.analysis.growth.trend import Slope, is_rising, slope

SMALLEST_GAIN = 0.5
"""Bytes of table per call below which no container is followed: a list with an entry in every sixteenth call."""

_ALL_ALONG = 0.75
"""Of what a container would hold if it had gained at its present rate from the first call."""

_MOST_FALLEN = 0.1
"""Of its rise: a container that gives back more is being cleaned up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedContainer:
    """A container that became longer during the container-length check."""

    gained: int
    low: float
    """Bytes of its table per entry, just before the table is enlarged."""
    high: float
    """Bytes of its table per entry, just after the table is enlarged."""

    @property
    def mean(self) -> float:
        """Return the bytes per entry in the long run, over a full cycle between two enlargements of the table.

        A table of c bytes serves n entries, n from c/high to c/low. The mean of c/n with equal weight on each factor of
        n is the logarithmic mean of low and high.
        """
        return self.low if self.high <= self.low else (self.high - self.low) / math.log(self.high / self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class GainsAnswer:
    """The answer of a measured process to a container-length check."""

    gained_bytes: float
    followed: tuple[FollowedContainer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerGains:
    """The result of a container-length check, and the lengths of the containers that were followed since."""

    since: int
    """Calls replayed when the check ended."""
    check_calls: int
    """Calls that the check replayed."""
    gained_bytes: float = 0.0
    """Table bytes that all containers gained during the check."""
    followed: tuple[FollowedContainer, ...] = ()
    calls: tuple[int, ...] = ()
    lengths: tuple[tuple[int, ...], ...] = ()
    """One row per followed container."""

    @property
    def has_gained(self) -> bool:
        """Return whether containers gained enough to be followed."""
        return bool(self.followed) and self.gained_bytes >= SMALLEST_GAIN * self.check_calls

    def after(self, calls: Sequence[int], lengths: Sequence[Sequence[int]]) -> "ContainerGains":
        """Return the gains with the lengths read in one more block."""
        rows = self.lengths or tuple(() for _ in self.followed)
        return replace(
            self,
            calls=(*self.calls, *calls),
            lengths=tuple((*row, *more) for row, more in zip(rows, lengths, strict=True)),
        )

    def has_stopped(self) -> bool:
        """Return whether the containers have gained nearly nothing since, in as many calls as the check replayed."""
        if not self.calls or self.calls[-1] - self.since < self.check_calls:
            return False
        gained = sum(
            self.followed[index].low * (self.lengths[index][-1] - self.lengths[index][0]) for index in self._steady()
        )
        return gained * self.share < SMALLEST_GAIN * max(self.calls[-1] - self.calls[0], 1)

    def is_rising(self) -> bool:
        """Return whether the lengths rise steadily over all followed calls."""
        return bool(self.calls) and is_rising(self.table(), smallest_rate=SMALLEST_GAIN)

    def table(self) -> Series:
        """Return the least table bytes of the entries, for containers that never fell back."""
        return self._weighed([container.low for container in self.followed])

    def rate(self) -> Slope:
        """Return the bytes per call that the tables gain in the long run, with the bounds of the bytes per entry."""
        share = self.share
        low, mean, high = (
            slope(self._weighed([getattr(container, name) for container in self.followed]), resolution=8.0)
            for name in ("low", "mean", "high")
        )
        return Slope(
            per_call=share * mean.per_call,
            low=share * low.low,
            high=share * high.high,
            uncertainty=share * mean.uncertainty,
        )

    @property
    def share(self) -> float:
        """Return the gain of all containers relative to that of the followed ones, at least 1."""
        gained = sum(container.gained * container.low for container in self.followed)
        return max(1.0, self.gained_bytes / gained) if gained else 1.0

    def _steady(self) -> list[int]:
        return [index for index, lengths in enumerate(self.lengths) if _never_fell(lengths)]

    def _has_gained_all_along(self, lengths: Sequence[int]) -> bool:
        """Return whether a container holds what it would if it had gained at this rate from the first call.

        A list that is pruned every two hundred calls rises steadily in between, and holds too little.
        """
        span = max(self.calls[-1] - self.calls[0], 1)
        return lengths[-1] * span >= _ALL_ALONG * (lengths[-1] - lengths[0]) * self.calls[-1]

    def _weighed(self, weights: Sequence[float]) -> Series:
        values = [0.0] * len(self.calls)
        for index in self._steady():
            lengths = self.lengths[index]
            if self._has_gained_all_along(lengths):
                values = [total + weights[index] * length for total, length in zip(values, lengths, strict=True)]
        return Series(self.calls, values)


def _never_fell(lengths: Sequence[int]) -> bool:
    steps = differences(lengths)
    risen = sum(step for step in steps if step > 0)
    return -sum(step for step in steps if step < 0) <= _MOST_FALLEN * risen
