"""When to stop replaying, and how to go on when it is too early to stop.

Exact meters settle a quiet scenario in a few hundred calls; a filling cache, a doubling table or
a sawtooth may need ten thousand. So the parent looks again and again, each time at a third more
calls, and ends as soon as what it sees would not change. A rise is believed late (a straight
line may be a cache that is not full yet) and a standstill early.
"""

from dataclasses import dataclass, replace
from math import ceil

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import (
    FEWEST_CALLS,
    FLAT_CALLS,
    QUIET_CALLS,
    Shape,
    deciding_meter,
    rising_calls,
    still_calls,
)
from leakcheck.analysis.growth.trend import Slope, has_teeth
from leakcheck.model.result import Budget
from leakcheck.model.units import CALLS_PER_RATE

NEXT_LOOK = 1.35
"""Each look sees this many times the calls of the one before."""

PRECISION = 0.05
PRECISION_SECONDS = 10.0
"""A rise is followed until its rate is known to this share, and on which side of the budget it lies,
but no longer than this for its sake."""

MOST_LOOKED_AT = 100
"""Calls between two looks at all lengths, at the most: what takes an entry in every sixteenth call is seen by them."""

_BLOCK_SECONDS = 2.0
_FIRST_CALLS, _FIRST_LOOK = 20, 100
_FEWEST_READINGS = 40
"""Readings to judge by, also where few calls fit."""

_MANY_READINGS = 400
_SHORTEST_WHERE_MANY_FIT = 10
_SETTLE_SHARE = 1 / 60
_SETTLE_SHARE_UNDER_TEETH = 1 / 2
_CALLS_PER_WINDOW_UNDER_TEETH = 10
_TIMING_COST_SECONDS = 200e-9
_TIMING_SHARE = 1 / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy:
    """How far a scenario may be followed."""

    calls: int | None = None
    """The most calls; None for as many as the time allows."""
    seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBlock:
    """The next block to replay."""

    windows: int
    calls_per_window: int
    timed_per_window: int

    @property
    def calls(self) -> int:
        """Return how many calls the step replays."""
        return self.windows * self.calls_per_window


def is_settled(shape: Shape, rate: Slope, progress: ReplayProgress, budget: Budget) -> bool:
    """Tell whether looking further would change neither the verdict nor the gate."""
    if not (shape.flat or shape.rising):
        return False
    # a standstill that is not sure is none: big teeth can hide a leak for a long time
    if shape.rising and progress.seconds >= PRECISION_SECONDS:
        return True
    allowed = budget.growth_bytes_per_1000_calls / CALLS_PER_RATE
    if rate.low <= allowed < rate.high:
        return False
    return shape.flat or rate.doubt <= PRECISION * abs(rate.per_call)


def calls_for_an_early_look(patience: StopPolicy) -> int:
    """Return the calls for a look at lengths that comes first, where few are allowed: the rest is read in one piece."""
    calls = patience.calls
    return calls // 4 if calls is not None and FEWEST_CALLS <= calls < FLAT_CALLS else 0


def calls_kept_back(patience: StopPolicy) -> int:
    """Return how many of the calls that are allowed are kept for a look at lengths, and for following what it finds."""
    calls = patience.calls
    return 0 if calls is None or calls < FLAT_CALLS else min(MOST_LOOKED_AT, calls // 5)


def fewer(patience: StopPolicy, calls: int) -> StopPolicy:
    """Return the patience with so many calls less, where their number is limited."""
    return replace(patience, calls=patience.calls - calls) if patience.calls is not None else patience


def next_step(progress: ReplayProgress, patience: StopPolicy) -> NextBlock | None:
    """Return the block to replay before the next look; None when calls or time are used up."""
    calls, cost = progress.calls, progress.seconds_per_call
    left = patience.seconds - progress.seconds
    if (patience.calls is not None and calls >= patience.calls) or left <= 0:
        return None
    if calls <= 1:
        wanted = _FIRST_CALLS
    elif calls < FLAT_CALLS:
        wanted = _FIRST_LOOK
    else:
        wanted = ceil(calls * (NEXT_LOOK - 1))
    # looks fall where a quiet scenario may be settled, and one where a rise is first believed
    for look in (ceil(still_calls(cost)), QUIET_CALLS, ceil(rising_calls(cost))):
        if calls < look:
            wanted = min(wanted, look - calls)
    affordable = int(min(_BLOCK_SECONDS, left) / cost) if cost else wanted
    if patience.calls is not None:
        wanted = min(wanted, patience.calls - calls)
    wanted = max(1, min(wanted, affordable))
    in_all = min(calls + left / cost if cost else 1e9, patience.calls or 1e9)
    # where many calls fit, a reading after each would tell no more
    per_window = max(_calls_per_window(progress), min(_SHORTEST_WHERE_MANY_FIT, int(in_all / _MANY_READINGS)))
    per_window = min(per_window, wanted, max(1, int(in_all / _FEWEST_READINGS)))
    windows = max(1, wanted // per_window)
    return NextBlock(windows=windows, calls_per_window=per_window, timed_per_window=_timed(per_window, cost))


def _calls_per_window(progress: ReplayProgress) -> int:
    """Return windows long enough that readings cost little, and short enough to see teeth.

    Under teeth readings may cost half as much as the calls: taken rarely, they would beat with the
    teeth, and the beat looks like growth.
    """
    calls, cost = progress.calls, progress.seconds_per_call
    if not cost:
        return max(20, calls // 100)
    late = Series(progress.readings.calls, deciding_meter(progress.readings)[1]).after(calls / 4)
    if has_teeth(late):
        affordable = ceil(progress.seconds_per_reading / _SETTLE_SHARE_UNDER_TEETH / cost)
        return max(_CALLS_PER_WINDOW_UNDER_TEETH, calls // 2000, min(affordable, calls // 100))
    by_cost = ceil(progress.seconds_per_reading / _SETTLE_SHARE / cost)
    return max(1, calls // 400, min(by_cost, max(20, calls // 100)))


def _timed(calls: int, cost: float) -> int:
    """Return how many calls of a window are timed one by one: all, unless the clock would be felt."""
    affordable = _TIMING_SHARE * calls * cost / _TIMING_COST_SECONDS
    return calls if affordable >= calls else max(1, int(affordable))
