"""The growth rule: whether a series of readings is flat, rises steadily, or neither yet, and at which rate.

The readings are exact, so the question is not noise but shape: the steps of a table that doubles, the sawtooth of a
cache that is pruned, the bend of a cache that fills. All are judged on *floors*, the lower envelope: the series is cut
into chunks of equal length, and the lowest reading of each chunk is what was certainly retained there. A sawtooth with
a period below the length of a chunk disappears; a leak under it does not.
"""

import math
import statistics
from dataclasses import dataclass

import numpy as np

from leakcheck.analysis.growth.series import Numbers, Series
from leakcheck.analysis.numeric import special_functions

CHUNKS = 8
"""The number of floors that a rise is judged on. Eight in ascending order occur by chance once in 40 000."""

SMALLEST_RATE = 4.0
"""Bytes per call below which a series counts as flat: half a slot of a list, the smallest thing that Python code can
leak with every call."""

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
    doubt: float
    """Half the width of the interval, without the widening of the bounds by outliers."""


def is_flat(series: Series, *, smallest_rate: float = SMALLEST_RATE) -> bool:
    """Return whether both halves have the same level and the same maximum.

    The maximum matters: right after a high sawtooth has fallen, the floors look flat or falling while the next tooth
    rises.
    """
    if len(series) < 2 * _MIN_PER_HALF:
        return False
    halves = series.chunks(2)
    if len(halves) < 2 or min(map(len, halves)) < _MIN_PER_HALF:
        return False
    early, late = (half.values for half in halves)
    tolerance = smallest_rate * series.span / 2
    spread = float(series.values.max() - series.values.min())
    return bool(
        abs(_level_change(early, late)) <= tolerance + _floor_jitter(series)
        and abs(late.max() - early.max()) <= max(tolerance, 0.1 * spread)
    )


def _level_change(early: Numbers, late: Numbers) -> float:
    """Return the change of level, by the minima or the medians, whichever changed less.

    A rare dip lowers the minimum of the half in which it is read, and not of the other.
    """
    return float(min(late.min() - early.min(), _median(late) - _median(early), key=abs))


def _floor_jitter(series: Series) -> float:
    """Return how far two minima differ by chance when a sawtooth is sampled at random.

    The lowest of n readings spread evenly over a tooth is on average 1/(n + 1) of its height above the minimum (order
    statistics of the uniform distribution), and two such minima are compared.
    """
    if not has_teeth(series):
        return 0.0
    spread = float(series.values.max() - series.values.min())
    return 2 * spread / (len(series) / 2 + 1)


def is_rising(series: Series, *, smallest_rate: float = SMALLEST_RATE, chunks: int = CHUNKS) -> bool:
    """Return whether every floor is above the one before, and neither the later half nor the end slows down."""
    if len(series) < 2 * chunks:
        return False
    floors = series.floors(chunks)
    if len(floors) < chunks:
        return False
    rises = np.diff(floors.values)
    if not (rises > 0).all() or _median(rises) * chunks < smallest_rate * series.span:
        return False
    middle = len(rises) // 2
    early, late = rises[:middle], rises[-middle:]
    # by the mean for rare big leaks, by the median for tables that double now and then
    goes_on = late.mean() >= STEADY_SHARE * early.mean() or _median(late) >= STEADY_SHARE * _median(early)
    return bool(goes_on) and not _slows_at_the_end(series, smallest_rate=smallest_rate)


def least_rate(series: Series, share: float) -> float:
    """Return the lowest rate of any stretch that is `share` of the calls until its end; 0 if there is none.

    A rise by rare steps or under a sawtooth has stretches that gain nothing, so this is the lowest rate that is usual
    for a series. Stretches lengthen with the calls because the steps of a capacity that grows by a factor do.
    """
    rates = _rates_by_share(series, share)
    return float(rates.min()) if len(rates) else 0.0


def _rates_by_share(series: Series, share: float) -> Numbers:
    """Return the rate of the stretch that ends at each reading and has such a share of the calls until then."""
    starts = np.searchsorted(series.calls, series.calls * (1 - share), side="right") - 1
    ends = np.flatnonzero((starts >= 0) & (starts < np.arange(len(series))))
    starts = starts[ends]
    return (series.values[ends] - series.values[starts]) / (series.calls[ends] - series.calls[starts])


def _slows_at_the_end(series: Series, *, smallest_rate: float) -> bool:
    """Return whether a stretch at the end gained clearly less than any such stretch before: the rise may have ended."""
    for stretch in _LAST_STRETCHES:
        share = stretch * series.span / series.last_call
        first = int(np.searchsorted(series.calls, series.last_call * (1 - share), side="right")) - 1
        span = float(series.calls[-1] - series.calls[first])
        rate = float(series.values[-1] - series.values[first]) / span
        tolerance = smallest_rate * series.span / CHUNKS / span
        if rate < STEADY_SHARE * least_rate(series.before(series.calls[first]), share) - tolerance:
            return True
    return False


def slope(series: Series, *, chunks: int = CHUNKS, resolution: float = RESOLUTION_BYTES) -> Slope:
    """Return the rate at which the floors rise, with bounds, which are infinite for fewer than two readings.

    The rate is the least-squares slope through the floors, after single jumps between floors were replaced by the
    median rise: those further from it than six median absolute deviations and a step of the stair (Hampel 1974). A
    table that doubled once is no rate. Under a sawtooth a jump cannot be distinguished from a tooth; there the line
    through all readings as they are is the closest estimate. The bounds are Student's 95 % interval of the slope,
    widened by `resolution` over the calls, by the jumps that were replaced, and by the rate of the last calls where
    that is lower.
    """
    floors = _floors(series, chunks)
    if floors is None:
        return Slope(per_call=0.0, low=-math.inf, high=math.inf, doubt=math.inf)
    line = _line(series, floors)
    if line is None:
        rate = _rate_of_few(series)
        return _between(rate, abs(rate) + resolution / series.span)
    doubt = float(special_functions().stdtrit(line.freedom, 0.975)) * line.error + resolution / series.span
    rate, whole = line.rate, line.whole
    low = min(rate - doubt, whole)
    low = min([low, *(end for end, error in _rates_at_the_end(series) if end + _SURELY * error < low)])
    return Slope(per_call=rate, low=low, high=max(rate + doubt, whole), doubt=doubt)


def rate_without_bounds(series: Series, *, chunks: int = CHUNKS) -> float:
    """Return the rate of `slope`, without the bounds, which are expensive."""
    floors = _floors(series, chunks)
    if floors is None:
        return 0.0
    line = _line(series, floors)
    return _rate_of_few(series) if line is None else line.rate


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


def _floors(series: Series, chunks: int) -> Series | None:
    return series.floors(min(chunks, len(series))) if len(series) >= 2 and series.span else None


def _rate_of_few(series: Series) -> float:
    return float(series.values[-1] - series.values[0]) / series.span


def _line(series: Series, floors: Series) -> _FittedLine | None:
    """Return the line that `slope` describes; None if there are too few floors."""
    if len(floors) < 4:
        return None
    steps = np.diff(floors.calls)
    rates = np.diff(floors.values) / steps
    distance = np.abs(rates - _median(rates))
    # two floors of a stair differ by a step more or less, by where they fall: that is no jump of it
    one_step = _stair_step(series) / steps
    jumps = distance > _OUTLIER_DEVIATIONS * _median(distance) + one_step + 1e-9
    smooth = np.concatenate([[0.0], np.cumsum(np.where(jumps, _median(rates), rates) * steps)])
    toothed = falls_back(series)
    points = series if toothed else Series(floors.calls, smooth)
    rate, error = _least_squares(points)
    # each jump that was put back took one of the floors' freedoms with it
    freedom = max(1, len(points) - 2 - (0 if toothed else int(jumps.sum())))
    whole = float((floors.values[-1] - floors.values[0]) / floors.span) if jumps.any() and not toothed else rate
    return _FittedLine(rate=rate, error=error, freedom=freedom, whole=whole)


def _rates_at_the_end(series: Series) -> list[tuple[float, float]]:
    """Return the rates of the last stretches with their standard errors; none under a sawtooth or for rare steps."""
    if falls_back(series) or _stair_step(series):
        return []
    ends = (series.after(series.last_call - share * series.span) for share in _LAST_STRETCHES)
    return [_least_squares(end) for end in ends if len(end) >= _FEWEST_IN_A_STRETCH]


def _stair_step(series: Series) -> float:
    """Return the usual step of a series that is flat between most of its readings; 0 for a smooth one."""
    steps = np.diff(series.values)
    return _median(steps[steps > 0]) if (steps > 0).any() and _median(steps) <= 0 else 0.0


def falls_back(series: Series) -> bool:
    """Return whether a good part of what is gained is given back, whatever the height of the sawtooth."""
    steps = np.diff(series.values)
    return bool(-steps[steps < 0].sum() >= _SHARE_GIVEN_BACK * steps[steps > 0].sum() > 0)


def _least_squares(points: Series) -> tuple[float, float]:
    """Return the slope of the line through at least three points, and its standard error."""
    calls, values = points.calls - points.calls.mean(), points.values - points.values.mean()
    rate = (calls @ values) / (calls @ calls)
    left = values - rate * calls
    return float(rate), math.sqrt(float(left @ left) / (len(points) - 2) / float(calls @ calls))


def plateau_rate(series: Series, *, resolution: float = RESOLUTION_BYTES) -> Slope:
    """Return the rate of a series that `is_flat`: the change of level between its halves.

    The bounds are as wide as the rate itself, the jitter of the floors and `resolution` over the calls: a sawtooth with
    a period of up to half the series leaves no better estimate.
    """
    early, late = (half.values for half in series.chunks(2))
    rate = 2 * _level_change(early, late) / series.span
    return _between(rate, abs(rate) + (2 * _floor_jitter(series) + resolution) / series.span)


def has_teeth(series: Series) -> bool:
    """Return whether the series falls back by a quarter of its spread, repeatedly or once."""
    if len(series) < 2 * _MIN_PER_HALF:
        return False
    spread = float(series.values.max() - series.values.min())
    return spread >= _SMALLEST_TOOTH_BYTES and bool(np.diff(series.values).min() <= -spread / 4)


def _between(rate: float, doubt: float) -> Slope:
    return Slope(per_call=rate, low=rate - doubt, high=rate + doubt, doubt=doubt)


def _median(values: Numbers) -> float:
    """Return the median; NumPy's own imports all of its masked arrays for it."""
    middle: float = statistics.median(values.tolist())
    return middle
