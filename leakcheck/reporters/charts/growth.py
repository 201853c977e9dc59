"""The growth chart: live bytes against calls.

The bytes are relative to the start of the fitted line, at the first call after the warm-up: so variants
with different heaps begin at the same height, and a leak is a slope and not a hair on a tall base.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.units import CALLS_PER_RATE, format_size
from leakcheck.model.verdict import Verdict
from leakcheck.reporters.charts.axis import Axis, bytes_axis, count_axis
from leakcheck.reporters.charts.svg import (
    HEIGHT,
    ChartLabel,
    ChartLine,
    Point,
    Position,
    line_of,
    path_of,
    spread_labels,
    thinned,
    y_of,
)
from leakcheck.reporters.messages.cells import bounds_are_known

_COLOURS = 8
_MOST_CLIPPED = 1.5
"""How far the axis extends for the warm-up, in heights of the readings that count; the rest is clipped."""

_MARGIN = 0.06
_SUBJECTS = {
    Meter.HEAP: "Live bytes",
    Meter.RSS: "Resident pages",
    Meter.BLOCKS: "Python's live blocks",
    Meter.CHILDREN: "Pages of child processes",
}
_NAME_SUFFIXES = {Meter.RSS: " (pages)", Meter.CHILDREN: " (child processes)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthChart:
    """A growth chart, ready to be drawn as SVG."""

    unit: str
    """bytes or blocks."""
    x: Axis
    y: Axis
    lines: tuple[ChartLine, ...]
    labels: tuple[ChartLabel, ...]
    description: str
    warm_up: float = 0.0
    """The share of the width that does not count."""
    fit: str = ""
    band: str = ""
    budget: str = ""

    @property
    def data(self) -> dict[str, object]:
        """Return what the page's script needs to show the values under the pointer."""
        lines = [{"name": line.name, "base": line.base, "points": line.points} for line in self.lines]
        return {"unit": self.unit, "x": [self.x.low, self.x.high], "y": [self.y.low, self.y.high], "lines": lines}

    def height(self, position: float) -> float:
        """Return the distance of a position on the y axis from the top."""
        return HEIGHT * (1 - position)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """The readings of one result."""

    result: Result
    number: int
    meter: Meter
    points: tuple[Point, ...]
    counted: tuple[Point, ...]
    """The points after the warm-up."""
    base: int

    @property
    def gained(self) -> list[float]:
        return [value - self.base for _, value in self.counted]

    @property
    def name(self) -> str:
        return f"{self.result.variant or self.result.scenario}{_NAME_SUFFIXES.get(self.meter, '')}"

    @property
    def text(self) -> str:
        (first, before), (last, after) = self.points[0], self.points[-1]
        size = "{:,}".format if self.meter is Meter.BLOCKS else format_size
        return f"{self.name}: {size(before)} after call {first:,}, {size(after)} after call {last:,}"

    def line(self, x: Axis, y: Axis) -> ChartLine:
        return line_of(self.name, self.number, self.points, self.base, x, y)


def chart_of(result: Result) -> GrowthChart | None:
    """Return the chart of one variant, with its fitted slope, the bounds and the budget; None without readings."""
    series = _series_of(result, 0)
    if series is None or result.growth is None:
        return None
    growth, (start, _), (end, _) = result.growth, series.counted[0], series.points[-1]
    is_bytes = growth.meter is not Meter.BLOCKS
    allowed = result.budget.growth_bytes_per_1000_calls
    fit = _rising(start, end, growth.bytes_per_1000_calls) if is_bytes and growth.from_call is not None else []
    budget = _rising(start, end, allowed) if is_bytes else []
    x = count_axis(0, end)
    y = _y_axis(series, [*series.gained, *(value for _, value in (*fit, *budget))])
    labels = []
    if fit:
        text = f"{format_size(growth.bytes_per_1000_calls)} / 1000 calls"
        labels.append(ChartLabel(text=text, style="fitted", end=y_of(fit[-1][1], y)))
    if budget:
        labels.append(ChartLabel(text=f"budget {format_size(allowed)}", style="budget", end=y_of(budget[-1][1], y)))
    band = _band(fit, growth)
    return GrowthChart(
        unit="bytes" if is_bytes else "blocks",
        x=x,
        y=y,
        lines=(series.line(x, y),),
        labels=spread_labels(labels),
        description=f"{_SUBJECTS[growth.meter]} against calls. {series.text}.",
        warm_up=0.0 if growth.from_call is None else max(0.0, x.position(start)),
        fit=path_of(fit, x, y),
        band=f"{path_of(band, x, y)}Z" if band else "",
        budget=path_of(budget, x, y),
    )


def chart_of_variants(results: Sequence[Result]) -> GrowthChart | None:
    """Return one chart for all variants of a scenario; None unless there are two that can be compared."""
    variants = [series for number, result in enumerate(results) if (series := _series_of(result, number)) is not None]
    if len(variants) < 2 or len({series.meter is Meter.BLOCKS for series in variants}) > 1:
        return None
    first = variants[0]
    x = count_axis(0, max(series.points[-1][0] for series in variants))
    y = _y_axis(first, [value for series in variants for value in series.gained], only_counted=True)
    lines = tuple(series.line(x, y) for series in variants)
    return GrowthChart(
        unit="blocks" if first.meter is Meter.BLOCKS else "bytes",
        x=x,
        y=y,
        lines=lines,
        labels=spread_labels(
            ChartLabel(
                text=line.name,
                style=f"line-{line.number % _COLOURS}",
                end=y_of(line.points[-1][1] - line.base, y),
            )
            for line in lines
        ),
        description=f"{_SUBJECTS[first.meter]} against calls. {'; '.join(series.text for series in variants)}.",
    )


def _series_of(result: Result, number: int) -> _Series | None:
    meter = Meter.HEAP if result.growth is None else result.growth.meter
    points = tuple(thinned(points_of(result, meter)))
    if len(points) < 2:
        return None
    from_call = None if result.growth is None else result.growth.from_call
    counted = tuple(point for point in points if from_call is not None and point[0] >= from_call) or points
    base = counted[0][1]
    if result.growth is not None and from_call is not None and meter is not Meter.BLOCKS:
        base = round(fit_start(counted, result.growth.bytes_per_1000_calls))
    return _Series(result=result, number=number, meter=meter, points=points, counted=counted, base=base)


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


def fit_start(points: Sequence[Point], bytes_per_1000_calls: float) -> float:
    """Return where the line with this slope that is closest to the points (least squares) is at the first of them."""
    mean_call = sum(call for call, _ in points) / len(points)
    mean_value = sum(value for _, value in points) / len(points)
    return mean_value - rise(bytes_per_1000_calls, mean_call - points[0][0])


def rise(bytes_per_1000_calls: float, calls: float) -> float:
    """Return the bytes that a growth adds in so many calls."""
    return bytes_per_1000_calls * calls / CALLS_PER_RATE


def _rising(start: float, end: float, bytes_per_1000_calls: float) -> list[Position]:
    return [(start, 0.0), (end, rise(bytes_per_1000_calls, end - start))]


def _band(fit: Sequence[Position], growth: Growth) -> list[Position]:
    """Return the corners of the area between the bounds; none where they are unknown."""
    if not fit or not bounds_are_known(growth.low, growth.high):
        return []
    (start, _), (end, _) = fit
    return [*_rising(start, end, growth.high), _rising(start, end, growth.low)[1]]


def _y_axis(series: _Series, counted: Sequence[float], *, only_counted: bool = False) -> Axis:
    """Return an axis with 0 and all that counts, and with as much of the warm-up as leaves room for that."""
    low, high = min(0.0, *counted), max(0.0, *counted)
    if not only_counted:
        values = [value - series.base for _, value in series.points]
        room = float("inf") if series.result.verdict is Verdict.BOUNDED else _MOST_CLIPPED * max(high - low, 1.0)
        low, high = max(min(low, *values), low - room), min(max(high, *values), high + room)
    margin = _MARGIN * max(high - low, 1.0)
    make = count_axis if series.meter is Meter.BLOCKS else bytes_axis
    return make(low - margin, high + margin)
