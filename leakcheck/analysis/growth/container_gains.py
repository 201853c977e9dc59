"""Containers that gain entries with the calls, while the heap stands still because their tables have room.

Lengths are exact, so what is asked is whether they go on rising, call after call: a list that is pruned every
two hundred calls falls back, and a cache that is full stops.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from leakcheck.analysis.growth.series import Series, steps_of
from leakcheck.analysis.growth.trend import Slope, is_rising, slope

SMALLEST_GAIN = 0.5
"""Bytes of table per call below which nothing is followed: a list that takes an entry in every sixteenth call."""

_ALL_ALONG = 0.75
"""Of what a container would hold, had it gained at its present rate from the first call on."""

_MOST_FALLEN = 0.1
"""Of its rise: a container that gives back more is one that somebody looks after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedContainer:
    """A container that became longer while the calls were looked at."""

    gained: int
    low: float
    """What its table takes for each entry in bytes, just before it is enlarged."""
    high: float
    """The same just after."""

    @property
    def mean(self) -> float:
        """Return what an entry costs in the long run: a table is of one size between two steps that lie a factor apart.

        The mean of c/n over n from c/high to c/low, each factor of n counting alike, is the logarithmic mean of both.
        """
        return self.low if self.high <= self.low else (self.high - self.low) / math.log(self.high / self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class GainsAnswer:
    """What a measured process answers about a look at all lengths."""

    gained_bytes: float
    followed: tuple[FollowedContainer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerGains:
    """What a look at all lengths found, and the lengths of the containers that were followed since."""

    since: int
    """Calls replayed when the look ended."""
    looked_at: int
    """Calls that the look replayed."""
    gained_bytes: float = 0.0
    """Table bytes that all containers gained within the look."""
    followed: tuple[FollowedContainer, ...] = ()
    calls: tuple[int, ...] = ()
    lengths: tuple[tuple[int, ...], ...] = field(default=())
    """A row for each container followed."""

    @property
    def any(self) -> bool:
        """Tell whether anything gained enough entries to be followed."""
        return bool(self.followed) and self.gained_bytes >= SMALLEST_GAIN * self.looked_at

    def after(self, calls: Sequence[int], lengths: Sequence[Sequence[int]]) -> "ContainerGains":
        """Return the gains with the readings of one more block."""
        rows = self.lengths or tuple(() for _ in self.followed)
        return replace(
            self,
            calls=(*self.calls, *calls),
            lengths=tuple((*row, *more) for row, more in zip(rows, lengths, strict=True)),
        )

    def has_stopped(self) -> bool:
        """Tell whether what was followed has gained nothing to speak of since, in as many calls as it was seen to."""
        if not self.calls or self.calls[-1] - self.since < self.looked_at:
            return False
        rising = self._steady()
        gained = sum(self.followed[at].low * (self.lengths[at][-1] - self.lengths[at][0]) for at in rising)
        return gained * self.share < SMALLEST_GAIN * max(self.calls[-1] - self.calls[0], 1)

    def is_rising(self) -> bool:
        """Tell whether the lengths rise steadily, over as many calls as were followed."""
        return bool(self.calls) and is_rising(self.table(), smallest_rate=SMALLEST_GAIN)

    def table(self) -> Series:
        """Return the table bytes that the entries need at the least, of the containers that never fell back."""
        return self._weighed([one.low for one in self.followed])

    def rate(self) -> Slope:
        """Return the bytes per call that the tables grow by in the long run; the bounds are those of their factors."""
        share = self.share
        low, mean, high = (
            slope(self._weighed(weights), resolution=8.0)
            for weights in (
                [one.low for one in self.followed],
                [one.mean for one in self.followed],
                [one.high for one in self.followed],
            )
        )
        return Slope(
            per_call=share * mean.per_call, low=share * low.low, high=share * high.high, doubt=share * mean.doubt
        )

    @property
    def share(self) -> float:
        """Return how much more all containers gained than those followed."""
        seen = sum(one.gained * one.low for one in self.followed)
        return max(1.0, self.gained_bytes / seen) if seen else 1.0

    def _steady(self) -> list[int]:
        return [at for at, row in enumerate(self.lengths) if _never_fell(row)]

    def _has_gained_all_along(self, lengths: Sequence[int]) -> bool:
        """Tell whether it holds what it would hold, had it gained at this rate from the first call on.

        A list that is cut back every two hundred calls rises steadily in between, and holds too little.
        """
        span = max(self.calls[-1] - self.calls[0], 1)
        return lengths[-1] * span >= _ALL_ALONG * (lengths[-1] - lengths[0]) * self.calls[-1]

    def _weighed(self, weights: Sequence[float]) -> Series:
        values = [0.0] * len(self.calls)
        for at in self._steady():
            if self._has_gained_all_along(self.lengths[at]):
                values = [held + weights[at] * length for held, length in zip(values, self.lengths[at], strict=True)]
        return Series(self.calls, values)


def _never_fell(lengths: Sequence[int]) -> bool:
    steps = steps_of(lengths)
    risen = sum(step for step in steps if step > 0)
    return -sum(step for step in steps if step < 0) <= _MOST_FALLEN * risen
