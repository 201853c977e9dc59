"""The stopping rule of the growth pass: when to stop replaying, and which block to replay next.

Exact meters decide a quiet scenario in a few hundred calls; a filling cache, a doubling table or a sawtooth may need
ten thousand. So the readings are judged again and again, each time with a third more calls, until more calls would not
change the result. A plateau is accepted early, and a rise late: a straight line may be a cache that is not full yet.
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
from leakcheck.analysis.growth.trend import Slope, has_sawtooth
from leakcheck.model.result import Budget
from leakcheck.model.units import CALLS_PER_RATE

CALLS_FACTOR = 1.35
"""The factor between the calls at which the readings are judged."""

PRECISION = 0.05
PRECISION_SECONDS = 10.0
"""A rise is followed until its rate is known to this share and clearly on one side of the budget, at most so long."""

MOST_LENGTH_CHECK_CALLS = 100  # any value from 50 to 200 does: three entries show as well as twelve
"""The most calls between the two readings of all container lengths: they show an entry in every sixteenth call."""

_BLOCK_SECONDS = 2.0
_FIRST_CALLS = 20  # any value from 5 to 20 does: they tell what a call costs
_EARLY_CALLS = 100  # any value from 20 to 200 does: milestones decide where the readings are judged
_FEWEST_READINGS = 40
"""Readings to judge by, even if few calls fit."""

_MANY_READINGS = 400
_SHORTEST_WHERE_MANY_FIT = 10  # any value from 5 to 20 does: it saves readings where there are more than enough
_SETTLE_SHARE = 1 / 60
_SETTLE_SHARE_UNDER_SAWTOOTH = 1 / 2
# any value from 1 to 20 does: it saves readings where a sawtooth is long
_CALLS_PER_WINDOW_UNDER_SAWTOOTH = 10
_TIMING_COST_SECONDS = 200e-9
_TIMING_SHARE = 1 / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy:
    """The most calls and seconds that a scenario may take."""

    calls: int | None = None
    """None for as many as the time allows."""
    seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBlock:
    """The next block to replay."""

    windows: int
    calls_per_window: int
    timed_per_window: int

    @property
    def calls(self) -> int:
        """Return how many calls the block replays."""
        return self.windows * self.calls_per_window


def is_settled(shape: Shape, rate: Slope, progress: ReplayProgress, budget: Budget) -> bool:
    """Return whether more calls would change neither the verdict nor the gate."""
    if not (shape.flat or shape.rising):
        return False
    # not so for a plateau: under a high sawtooth a leak may stay hidden for long
    if shape.rising and progress.seconds >= PRECISION_SECONDS:
        return True
    allowed = budget.growth_bytes_per_1000_calls / CALLS_PER_RATE
    if rate.low <= allowed < rate.high:
        return False
    return shape.flat or rate.uncertainty <= PRECISION * abs(rate.per_call)


def early_length_check_calls(policy: StopPolicy) -> int:
    """Return the calls of a container-length check that comes first if few calls are allowed; 0 if it does not."""
    calls = policy.calls
    return calls // 4 if calls is not None and FEWEST_CALLS <= calls < FLAT_CALLS else 0


def reserved_calls(policy: StopPolicy) -> int:
    """Return how many of the allowed calls are reserved for the container-length check and what follows from it."""
    calls = policy.calls
    return 0 if calls is None or calls < FLAT_CALLS else min(MOST_LENGTH_CHECK_CALLS, calls // 5)


def with_fewer_calls(policy: StopPolicy, calls: int) -> StopPolicy:
    """Return the policy with `calls` fewer calls, if their number is limited."""
    return replace(policy, calls=policy.calls - calls) if policy.calls is not None else policy


def next_block(progress: ReplayProgress, policy: StopPolicy) -> NextBlock | None:
    """Return the block to replay before the readings are judged again; None when calls or time are used up."""
    calls, cost = progress.calls, progress.seconds_per_call
    left = policy.seconds - progress.seconds
    if (policy.calls is not None and calls >= policy.calls) or left <= 0:
        return None
    if calls <= 1:
        size = _FIRST_CALLS
    elif calls < FLAT_CALLS:
        size = _EARLY_CALLS
    else:
        size = ceil(calls * (CALLS_FACTOR - 1))
    # end a block where a quiet scenario may be settled, and where a rise is first accepted
    for milestone in (ceil(still_calls(cost)), QUIET_CALLS, ceil(rising_calls(cost))):
        if calls < milestone:
            size = min(size, milestone - calls)
    affordable = int(min(_BLOCK_SECONDS, left) / cost) if cost else size
    if policy.calls is not None:
        size = min(size, policy.calls - calls)
    size = max(1, min(size, affordable))
    total = min(calls + left / cost if cost else 1e9, policy.calls or 1e9)
    # if many calls fit, a reading after each would add nothing
    per_window = max(_calls_per_window(progress), min(_SHORTEST_WHERE_MANY_FIT, int(total / _MANY_READINGS)))
    per_window = min(per_window, size, max(1, int(total / _FEWEST_READINGS)))
    windows = max(1, size // per_window)
    return NextBlock(windows=windows, calls_per_window=per_window, timed_per_window=_timed(per_window, cost))


def _calls_per_window(progress: ReplayProgress) -> int:
    """Return a window long enough that readings cost little, and short enough to sample a sawtooth.

    Under a sawtooth, readings may cost half as much as the calls: rare ones would alias, which looks like growth.
    """
    calls, cost = progress.calls, progress.seconds_per_call
    if not cost:
        return max(20, calls // 100)
    late = Series(progress.readings.calls, deciding_meter(progress.readings)[1]).after(calls / 4)
    if has_sawtooth(late):
        affordable = ceil(progress.seconds_per_reading / _SETTLE_SHARE_UNDER_SAWTOOTH / cost)
        return max(_CALLS_PER_WINDOW_UNDER_SAWTOOTH, calls // 2000, min(affordable, calls // 100))
    by_cost = ceil(progress.seconds_per_reading / _SETTLE_SHARE / cost)
    return max(1, calls // 400, min(by_cost, max(20, calls // 100)))


def _timed(calls: int, cost: float) -> int:
    """Return how many calls of a window are timed one by one: all, unless reading the clock costs too much."""
    affordable = _TIMING_SHARE * calls * cost / _TIMING_COST_SECONDS
    return calls if affordable >= calls else max(1, int(affordable))
