"""The readings of a result as points of a chart."""

from collections.abc import Iterator, Sequence

from leakcheck.model.result import Meter, Result
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.reporters.charts.axis import finite

_MOST_POINTS = 400

Point = tuple[int, int]
"""Calls, and the meter's value after them."""


def points_of(result: Result, meter: Meter) -> list[Point]:
    """Return the readings of a meter in the order of their calls."""
    readings, children = result.readings, result.child_processes
    columns = {
        Meter.HEAP: readings.heap_bytes or readings.python_bytes,
        Meter.RSS: readings.rss_bytes,
        Meter.BLOCKS: readings.blocks,
        Meter.CHILDREN: () if children is None else children.held_bytes,
    }
    calls = children.calls if meter is Meter.CHILDREN and children is not None else readings.calls
    return sorted(zip(calls, columns[meter], strict=False))


def thinned(points: Sequence[Point]) -> Iterator[Point]:
    """Yield the points, or of very many those that show all highs and lows, with the first and the last."""
    if len(points) <= _MOST_POINTS:
        yield from points
        return
    length = -(-2 * len(points) // _MOST_POINTS)
    for start in range(0, len(points), length):
        part = points[start : start + length]
        ends = {points[0], points[-1]} & {*part}
        extremes = {pick(part, key=lambda point: point[1]) for pick in (min, max)}
        yield from sorted(extremes | ends)


def fit_start(points: Sequence[Point], bytes_per_1000_calls: float) -> float:
    """Return where the line with this slope that is closest to the points (least squares) is at the first of them."""
    mean_call = sum(call for call, _ in points) / len(points)
    mean_value = sum(value for _, value in points) / len(points)
    return finite(mean_value - rise(bytes_per_1000_calls, mean_call - points[0][0]))


def rise(bytes_per_1000_calls: float, calls: float) -> float:
    """Return the bytes that a growth adds in so many calls."""
    return finite(bytes_per_1000_calls * calls / CALLS_PER_RATE)
