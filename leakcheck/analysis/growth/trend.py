"""What a series of readings does: does it stand still, does it rise steadily, or neither yet?

The readings are exact, so the question is not noise but shape: steps of a table that doubles, the
teeth of a cache that is pruned, a cache that fills. All three are answered on *floors*: the
series is cut into chunks of equal length and each chunk's lowest reading is what was surely
retained there. Teeth that are shorter than a chunk vanish; a leak under them does not.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import mul
from statistics import fmean, median

from leakcheck.analysis.growth.series import Numbers, Series, steps_of
from leakcheck.analysis.quantiles import student

CHUNKS = 8
"""Floors that a rise is judged on. Eight rises in a row happen by chance once in 40 000."""

SMALLEST_RATE = 4.0
"""Bytes per call below which a series counts as standing still: half of a list's slot, the
smallest thing that Python code can leak with every call."""

STEADY_SHARE = 0.75
"""The later half of a leak rises at this share of the earlier half at least. A cache that fills
with random keys slows down; a list that grows for ever does not."""

_LAST_STRETCHES = (1 / 4, 1 / 8, 1 / 16)
"""Of the calls: stretches at the end that are held against all before of the same share. A cache that has just become
full stands still for less than a floor, and a rise that has ended is none."""

RESOLUTION_BYTES = 48.0
"""What can hide in all the calls that were seen: one small object with its slot."""

_MIN_PER_HALF = 6
_SURELY, _FEWEST_IN_A_STRETCH = 3, 4
"""Standard errors by which the rate of a last stretch must be lower, to be its own, and readings that it needs."""

_OUTLIER_DEVIATIONS = 6.0
_SMALLEST_TOOTH_BYTES = 64 * 1024
_SHARE_GIVEN_BACK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A rate in units per call, with its 95 % bounds."""

    per_call: float
    low: float
    high: float
    doubt: float
    """Half the width of the interval, without the outliers that the bounds were widened by."""


def is_flat(series: Series, *, smallest_rate: float = SMALLEST_RATE) -> bool:
    """Tell whether two halves have the same level and the same ceiling.

    The ceiling matters: right after a big tooth has fallen, the floor alone looks flat or falling
    while the next tooth rises.
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
    """Return how far the level moved, by the floors or the medians, whichever moved less.

    A rare dip takes the floor with it where it is caught, and not where it is missed.
    """
    return min(min(late) - min(early), median(late) - median(early), key=abs)


def _floor_jitter(series: Series) -> float:
    """Return how far two floors differ by chance when readings meet teeth at random.

    The lowest of n readings spread evenly over a tooth lies 1/(n + 1) of its height above the
    floor in the mean (order statistics of the uniform distribution); two such minima are compared.
    """
    if not has_teeth(series):
        return 0.0
    return 2 * series.spread / (len(series) / 2 + 1)


def is_rising(series: Series, *, smallest_rate: float = SMALLEST_RATE, chunks: int = CHUNKS) -> bool:
    """Tell whether every floor lies above the one before, and neither the later half nor the end slows down."""
    if len(series) < 2 * chunks:
        return False
    floors = series.floors(chunks)
    if len(floors) < chunks:
        return False
    rises = steps_of(floors.values)
    if min(rises) <= 0 or median(rises) * chunks < smallest_rate * series.span:
        return False
    middle = len(rises) // 2
    early, late = rises[:middle], rises[-middle:]
    # by the mean for rare big leaks, by the median for tables that double now and then
    goes_on = fmean(late) >= STEADY_SHARE * fmean(early) or median(late) >= STEADY_SHARE * median(early)
    return goes_on and not _slows_at_the_end(series, smallest_rate=smallest_rate)


def least_rate(series: Series, share: float) -> float:
    """Return the rate of the poorest stretch of such a share of the calls until its end; 0 where there is none.

    What rises by rare steps or under teeth has stretches that gain nothing, so this tells what is unusual of it. The
    steps of what is enlarged by a factor come as much further apart as there were calls, and so do the stretches.
    """
    return min(_rates_by_share(series, share, len(series)), default=0.0)


def _rates_by_share(series: Series, share: float, readings: int) -> Iterator[float]:
    """Yield the rate of the stretch that ends at each of the first readings, with such a share of the calls by then."""
    calls, values = series.calls, series.values
    for end in range(readings):
        start = bisect_right(calls, calls[end] * (1 - share)) - 1
        if 0 <= start < end:
            yield (values[end] - values[start]) / (calls[end] - calls[start])


def _slows_at_the_end(series: Series, *, smallest_rate: float) -> bool:
    """Tell whether a last stretch gained clearly less than any like it before: then the rise may have ended."""
    for stretch in _LAST_STRETCHES:
        share = stretch * series.span / series.last_call
        first = bisect_right(series.calls, series.last_call * (1 - share)) - 1
        span = series.calls[-1] - series.calls[first]
        rate = (series.values[-1] - series.values[first]) / span
        tolerance = smallest_rate * series.span / CHUNKS / span
        earlier = _rates_by_share(series, share, bisect_right(series.calls, series.calls[first]))
        # as with `least_rate`, but of most series the first stretches are as poor, and answer for all
        if all(rate < STEADY_SHARE * each - tolerance for each in chain([next(earlier, 0.0)], earlier)):
            return True
    return False


def slope(series: Series, *, chunks: int = CHUNKS, resolution: float = RESOLUTION_BYTES) -> Slope:
    """Return the rate at which the floors rise, with bounds; infinite ones where nothing can be said.

    The rate is the least-squares slope through the floors, after single jumps between floors were
    put back to the median rise (those further from it than six median absolute deviations and a step of
    the stair; Hampel 1974): a table that doubled once is no rate. Under teeth a jump cannot be told from a tooth, so
    there the line goes through all readings as they are, which finds it closest. The bounds are
    Student's 95 % interval of that slope, widened by `resolution` over the calls seen, by the
    jumps that were left out, and by what the last calls gained where that was less.
    """
    floors = _floors(series, chunks)
    if floors is None:
        return Slope(per_call=0.0, low=-math.inf, high=math.inf, doubt=math.inf)
    line = _line(series, floors)
    if line is None:
        rate = _rate_of_few(series)
        return _between(rate, abs(rate) + resolution / series.span)
    doubt = student(line.freedom, 0.975) * line.error + resolution / series.span
    rate, whole = line.rate, line.whole
    low = min(rate - doubt, whole)
    low = min([low, *(end for end, error in _rates_at_the_end(series) if end + _SURELY * error < low)])
    return Slope(per_call=rate, low=low, high=max(rate + doubt, whole), doubt=doubt)


def rate_without_bounds(series: Series, *, chunks: int = CHUNKS) -> float:
    """Return the rate that `slope` gives, for a figure that stands beside another: its bounds are what is dear."""
    floors = _floors(series, chunks)
    if floors is None:
        return 0.0
    line = _line(series, floors)
    return _rate_of_few(series) if line is None else line.rate


def latest_rate(series: Series) -> float:
    """Return the rate of the later half, or of a last stretch where that is lower; its bounds are for others to say."""
    half = rate_without_bounds(series.after(series.last_call - series.span / 2))
    return min([half, *(rate for rate, _ in _rates_at_the_end(series))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _FittedLine:
    """The line through the floors: its slope, the error and the freedoms of that, and the slope with all jumps."""

    rate: float
    error: float
    freedom: int
    whole: float


def _floors(series: Series, chunks: int) -> Series | None:
    return series.floors(min(chunks, len(series))) if len(series) >= 2 and series.span else None


def _rate_of_few(series: Series) -> float:
    return (series.values[-1] - series.values[0]) / series.span


def _line(series: Series, floors: Series) -> _FittedLine | None:
    """Return the line that `slope` describes; None where there are too few floors for one."""
    if len(floors) < 4:
        return None
    if falls_back(series):
        rate, error = _least_squares(series)
        return _FittedLine(rate=rate, error=error, freedom=len(series) - 2, whole=rate)
    steps = steps_of(floors.calls)
    rates = [gained / calls for gained, calls in zip(steps_of(floors.values), steps, strict=True)]
    usual = median(rates)
    distances = [abs(rate - usual) for rate in rates]
    # two floors of a stair differ by a step more or less, by where they fall: that is no jump of it
    near, one_step = _OUTLIER_DEVIATIONS * median(distances) + 1e-9, _stair_step(series)
    jumps = [distance > near + one_step / calls for distance, calls in zip(distances, steps, strict=True)]
    smooth = accumulate(
        ((usual if jump else rate) * calls for jump, rate, calls in zip(jumps, rates, steps, strict=True)), initial=0.0
    )
    rate, error = _least_squares(Series(floors.calls, smooth))
    # each jump that was put back took one of the floors' freedoms with it
    freedom = max(1, len(floors) - 2 - sum(jumps))
    whole = (floors.values[-1] - floors.values[0]) / floors.span if any(jumps) else rate
    return _FittedLine(rate=rate, error=error, freedom=freedom, whole=whole)


def _rates_at_the_end(series: Series) -> list[tuple[float, float]]:
    """Return the rates of the last stretches with their standard errors; none under teeth and of rare steps."""
    if falls_back(series) or _stair_step(series):
        return []
    ends = (series.after(series.last_call - share * series.span) for share in _LAST_STRETCHES)
    return [_least_squares(end) for end in ends if len(end) >= _FEWEST_IN_A_STRETCH]


def _stair_step(series: Series) -> float:
    """Return the usual step of a series that stands still between most of its readings; 0 of a smooth one."""
    steps = steps_of(series.values)
    rises = [step for step in steps if step > 0]
    return median(rises) if rises and median(steps) <= 0 else 0.0


def falls_back(series: Series) -> bool:
    """Tell whether a good part of what is gained is given back, in teeth of whatever height."""
    steps = steps_of(series.values)
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


def _product(some: Numbers, others: Numbers) -> float:
    return math.fsum(map(mul, some, others))


def standstill(series: Series, *, resolution: float = RESOLUTION_BYTES) -> Slope:
    """Return the rate of a series that `is_flat`: the change of level between its halves.

    The bounds are as wide as that rate itself, the chance in catching teeth, and `resolution`, over
    the calls seen: teeth of up to half the series leave nothing else to say.
    """
    early, late = (half.values for half in series.chunks(2))
    rate = 2 * _level_change(early, late) / series.span
    return _between(rate, abs(rate) + (2 * _floor_jitter(series) + resolution) / series.span)


def has_teeth(series: Series) -> bool:
    """Tell whether the series falls back by much of what it rose, again and again or just once."""
    if len(series) < 2 * _MIN_PER_HALF:
        return False
    spread = series.spread
    return spread >= _SMALLEST_TOOTH_BYTES and min(steps_of(series.values)) <= -spread / 4


def _between(rate: float, doubt: float) -> Slope:
    return Slope(per_call=rate, low=rate - doubt, high=rate + doubt, doubt=doubt)
