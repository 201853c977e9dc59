"""The growth rule: whether a series of readings is flat, rises steadily, or neither yet, and at which rate.

The readings are exact, so the question is not noise but shape: the steps of a table that doubles, the sawtooth of a
cache that is pruned, the bend of a cache that fills. All are judged on *floors*, the lower envelope: the series is cut
into chunks of equal length, and the lowest reading of each chunk is what was certainly retained there. A sawtooth with
a period below the length of a chunk disappears; a leak under it does not.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import mul
from statistics import fmean, median

from leakcheck.analysis.growth.series import Numbers, Series, differences
from leakcheck.analysis.quantiles import student

CHUNKS = 8
"""The number of floors that a rise is judged on. Eight in ascending order occur by chance once in 40 000."""

SMALLEST_RATE = 4.0
"""Bytes per call below which a series counts as flat: half a slot of a list, the least that Python code can leak."""

STEADY_SHARE = 0.75
"""The later half of a leak rises by at least this share of the earlier half. A cache that fills with random keys slows
down; a list that grows without bound does not."""

_LAST_STRETCHES = (1 / 4, 1 / 8, 1 / 16)
"""Shares of the calls: stretches at the end, compared with all earlier stretches of the same share. A cache that has
just become full is flat for less than a chunk, and a rise that has ended is not a leak."""

RESOLUTION_BYTES = 48.0
"""What may stay unseen over all calls of a series: one small object with its slot."""

_MIN_PER_HALF = 6
_SURELY, _FEWEST_IN_A_STRETCH = 3, 4
"""By how many standard errors the rate of a last stretch must be lower to count, and how many readings it needs."""

_OUTLIER_DEVIATIONS = 6.0
_SMALLEST_TOOTH_BYTES = 64 * 1024
_SHARE_GIVEN_BACK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A rate in units per call, with its 95 % bounds."""

    per_call: float
    low: float
    high: float
    uncertainty: float
    """Half the width of the interval, without the widening of the bounds by outliers."""


def is_flat(series: Series, *, smallest_rate: float = SMALLEST_RATE) -> bool:
    """Return whether both halves have the same level and the same maximum.

    The maximum matters: right after a high sawtooth has fallen, the floors look flat while the next tooth rises.
    """
    if len(series) < 2 * _MIN_PER_HALF:
        return False
    halves = series.chunks(2)
    if len(halves) < 2 or min(map(len, halves)) < _MIN_PER_HALF:
        return False
    early, late = (half.values for half in halves)
    tolerance = smallest_rate * series.span / 2
    if abs(_level_change(early, late)) > tolerance + _floor_jitter(series):
        return False
    return abs(max(late) - max(early)) <= max(tolerance, 0.1 * series.spread)


def _level_change(early: Numbers, late: Numbers) -> float:
    """Return the change of level, by the minima or the medians, whichever changed less.

    A rare dip lowers the minimum of the half in which it is read, and not of the other.
    """
    return min(min(late) - min(early), median(late) - median(early), key=abs)


def _floor_jitter(series: Series) -> float:
    """Return how far two minima differ by chance when a sawtooth is sampled at random.

    The lowest of n readings spread evenly over a tooth is on average 1/(n + 1) of its height above the minimum (order
    statistics of the uniform distribution), and two such minima are compared.
    """
    if not has_sawtooth(series):
        return 0.0
    return 2 * series.spread / (len(series) / 2 + 1)


def is_rising(series: Series, *, smallest_rate: float = SMALLEST_RATE) -> bool:
    """Return whether every floor is above the one before, and neither the later half nor the end slows down."""
    if len(series) < 2 * CHUNKS:
        return False
    rises = differences(series.floors(CHUNKS).values)
    if len(rises) < CHUNKS - 1 or min(rises) <= 0 or median(rises) * CHUNKS < smallest_rate * series.span:
        return False
    middle = len(rises) // 2
    early, late = rises[:middle], rises[-middle:]
    # by the mean for rare big leaks, by the median for tables that double now and then
    goes_on = fmean(late) >= STEADY_SHARE * fmean(early) or median(late) >= STEADY_SHARE * median(early)
    return goes_on and not _slows_at_the_end(series, smallest_rate=smallest_rate)


def least_rate(series: Series, share: float) -> float:
    """Return the lowest rate of any stretch that is `share` of the calls until its end; 0 if there is none.

    A rise by rare steps or under a sawtooth has stretches that gain nothing, so this is the lowest rate that is usual
    for a series. Stretches lengthen with the calls because the steps of a capacity that grows by a factor do.
    """
    return min(_rates_by_share(series, share, len(series)), default=0.0)


def _rates_by_share(series: Series, share: float, readings: int) -> Iterator[float]:
    """Yield the rate of the stretch that ends at each of the first readings and is `share` of the calls until then."""
    calls, values = series.calls, series.values
    for end in range(readings):
        start = bisect_right(calls, calls[end] * (1 - share)) - 1
        if 0 <= start < end:
            yield (values[end] - values[start]) / (calls[end] - calls[start])


def _slows_at_the_end(series: Series, *, smallest_rate: float) -> bool:
    """Return whether a stretch at the end gained clearly less than any such stretch before: the rise may have ended."""
    for stretch in _LAST_STRETCHES:
        share = stretch * series.span / series.last_call
        first = bisect_right(series.calls, series.last_call * (1 - share)) - 1
        span = series.calls[-1] - series.calls[first]
        rate = (series.values[-1] - series.values[first]) / span
        tolerance = smallest_rate * series.span / CHUNKS / span
        earlier = _rates_by_share(series, share, bisect_right(series.calls, series.calls[first]))
        # this is `least_rate`, but stops at the first slow stretch, which most series have early
        if all(rate < STEADY_SHARE * other - tolerance for other in chain([next(earlier, 0.0)], earlier)):
            return True
    return False


def slope(series: Series, *, resolution: float = RESOLUTION_BYTES) -> Slope:
    """Return the rate at which the floors rise, with bounds, which are infinite for fewer than two readings.

    The rate is the least-squares slope through the floors, after single jumps between floors were replaced by the
    median rise: those further from it than six median absolute deviations and a step of the stair (Hampel 1974). A
    table that doubled once is no rate. Under a sawtooth a jump cannot be distinguished from a tooth; there the line
    through all readings as they are is the closest estimate. The bounds are Student's 95 % interval of the slope,
    widened by `resolution` over the calls, by the jumps that were replaced, and by the rate of the last calls where
    that is lower.
    """
    floors = _floors(series)
    if floors is None:
        return Slope(per_call=0.0, low=-math.inf, high=math.inf, uncertainty=math.inf)
    line = _line(series, floors)
    if line is None:
        rate = series.rise / series.span
        return _between(rate, abs(rate) + resolution / series.span)
    doubt = student(line.freedom, 0.975) * line.error + resolution / series.span
    rate, whole = line.rate, line.whole
    low = min(rate - doubt, whole)
    low = min([low, *(end for end, error in _rates_at_the_end(series) if end + _SURELY * error < low)])
    return Slope(per_call=rate, low=low, high=max(rate + doubt, whole), uncertainty=doubt)


def rate_without_bounds(series: Series) -> float:
    """Return the rate of `slope`, without the bounds, which are expensive."""
    floors = _floors(series)
    if floors is None:
        return 0.0
    line = _line(series, floors)
    return series.rise / series.span if line is None else line.rate


def latest_rate(series: Series) -> float:
    """Return the rate of the later half, or of a stretch at the end where that is lower."""
    half = rate_without_bounds(series.after(series.last_call - series.span / 2))
    return min([half, *(rate for rate, _ in _rates_at_the_end(series))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _FittedLine:
    """The line through the floors: its slope, standard error and degrees of freedom, and the slope with all jumps."""

    rate: float
    error: float
    freedom: int
    whole: float


def _floors(series: Series) -> Series | None:
    return series.floors(min(CHUNKS, len(series))) if len(series) >= 2 and series.span else None


def _line(series: Series, floors: Series) -> _FittedLine | None:
    """Return the line that `slope` describes; None if there are too few floors."""
    if len(floors) < 4:
        return None
    if falls_like_a_sawtooth(series):
        rate, error = _least_squares(series)
        return _FittedLine(rate=rate, error=error, freedom=len(series) - 2, whole=rate)
    steps = differences(floors.calls)
    rates = [gained / calls for gained, calls in zip(differences(floors.values), steps, strict=True)]
    usual = median(rates)
    distances = [abs(rate - usual) for rate in rates]
    # two floors of a stair may differ by one step more or less by chance: that is not a jump
    near, one_step = _OUTLIER_DEVIATIONS * median(distances) + 1e-9, _stair_step(series)
    jumps = [distance > near + one_step / calls for distance, calls in zip(distances, steps, strict=True)]
    smooth = accumulate(
        ((usual if jump else rate) * calls for jump, rate, calls in zip(jumps, rates, steps, strict=True)), initial=0.0
    )
    rate, error = _least_squares(Series(floors.calls, smooth))
    # each jump that was replaced costs a degree of freedom
    freedom = max(1, len(floors) - 2 - sum(jumps))
    whole = floors.rise / floors.span if any(jumps) else rate
    return _FittedLine(rate=rate, error=error, freedom=freedom, whole=whole)


def _rates_at_the_end(series: Series) -> list[tuple[float, float]]:
    """Return the rates of the last stretches with their standard errors; none under a sawtooth or for rare steps."""
    if falls_like_a_sawtooth(series) or _stair_step(series):
        return []
    ends = (series.after(series.last_call - share * series.span) for share in _LAST_STRETCHES)
    return [_least_squares(end) for end in ends if len(end) >= _FEWEST_IN_A_STRETCH]


def _stair_step(series: Series) -> float:
    """Return the usual step of a series that is flat between most of its readings; 0 for a smooth one."""
    steps = differences(series.values)
    rises = [step for step in steps if step > 0]
    return median(rises) if rises and median(steps) <= 0 else 0.0


def falls_like_a_sawtooth(series: Series) -> bool:
    """Return whether a good part of what is gained is given back, whatever the height of the sawtooth."""
    steps = differences(series.values)
    risen = sum(step for step in steps if step > 0)
    fallen = -sum(step for step in steps if step < 0)
    return fallen >= _SHARE_GIVEN_BACK * risen > 0


def _least_squares(points: Series) -> tuple[float, float]:
    """Return the slope of the line through at least three points, and its standard error."""
    calls, values = _centred(points.calls), _centred(points.values)
    width = _product(calls, calls)
    rate = _product(calls, values) / width
    left = [value - rate * call for call, value in zip(calls, values, strict=True)]
    return rate, math.sqrt(_product(left, left) / (len(points) - 2) / width)


def _centred(numbers: Numbers) -> list[float]:
    middle = fmean(numbers)
    return [number - middle for number in numbers]


def _product(first: Numbers, second: Numbers) -> float:
    return math.fsum(map(mul, first, second))


def plateau_rate(series: Series, *, resolution: float = RESOLUTION_BYTES) -> Slope:
    """Return the rate of a series that `is_flat`: the change of level between its halves.

    The bounds are as wide as the rate itself, the jitter of the floors and `resolution` over the calls: a sawtooth with
    a period of up to half the series leaves no better estimate.
    """
    early, late = (half.values for half in series.chunks(2))
    rate = 2 * _level_change(early, late) / series.span
    return _between(rate, abs(rate) + (2 * _floor_jitter(series) + resolution) / series.span)


def has_sawtooth(series: Series) -> bool:
    """Return whether the series falls back by a quarter of its spread, repeatedly or once."""
    if len(series) < 2 * _MIN_PER_HALF:
        return False
    spread = series.spread
    return spread >= _SMALLEST_TOOTH_BYTES and min(differences(series.values)) <= -spread / 4


def _between(rate: float, doubt: float) -> Slope:
    return Slope(per_call=rate, low=rate - doubt, high=rate + doubt, uncertainty=doubt)
