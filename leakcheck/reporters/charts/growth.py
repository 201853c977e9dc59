"""The growth chart: live bytes against calls.

What is drawn is the bytes gained since the first call that counts, where the fitted line begins: so
variants with different heaps begin at the same height, and a leak is a slope and not a hair on a tall base.
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

COLOURS = 8
_UNKNOWN_BYTES = 1e14
_MOST_CLIPPED = 1.5
"""Heights of what counts that the warm-up may add below it; what lies deeper is cut off."""

_AIR = 0.06
_SUBJECT = {
    Meter.HEAP: "Live bytes",
    Meter.RSS: "Resident pages",
    Meter.BLOCKS: "Python's live blocks",
    Meter.CHILDREN: "Pages of child processes",
}
_MARKS = {Meter.RSS: " (pages)", Meter.CHILDREN: " (child processes)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthChart:
    """All that is drawn."""

    unit: str
    """bytes or blocks."""
    x: Axis
    y: Axis
    lines: tuple[ChartLine, ...]
    labels: tuple[ChartLabel, ...]
    description: str
    warm_up: float = 0.0
    """How much of the width is not counted."""
    fit: str = ""
    band: str = ""
    budget: str = ""

    @property
    def data(self) -> dict[str, object]:
        """Return what the page needs to say the values under the pointer."""
        lines = [{"name": line.name, "base": line.base, "points": line.points} for line in self.lines]
        return {"unit": self.unit, "x": [self.x.low, self.x.high], "y": [self.y.low, self.y.high], "lines": lines}

    def height(self, at: float) -> float:
        """Return how far from the top a place on the upright axis lies."""
        return HEIGHT * (1 - at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ResultReadings:
    """The readings of one result, and from where they count."""

    result: Result
    number: int
    meter: Meter
    points: tuple[Point, ...]
    counted: tuple[Point, ...]
    base: int

    @property
    def gained(self) -> list[float]:
        return [value - self.base for _, value in self.counted]

    @property
    def name(self) -> str:
        name = self.result.variant or self.result.scenario
        return f"{name}{_MARKS.get(self.meter, '')}"

    @property
    def words(self) -> str:
        (first, before), (last, after) = self.points[0], self.points[-1]
        size = "{:,}".format if self.meter is Meter.BLOCKS else format_size
        return f"{self.name}: {size(before)} after call {first:,}, {size(after)} after call {last:,}"

    def line(self, x: Axis, y: Axis) -> ChartLine:
        return line_of(self.name, self.number, self.points, self.base, x, y)


def chart_of(result: Result) -> GrowthChart | None:
    """Return the chart of one variant, with its fitted slope, the bounds and the budget; None without readings."""
    seen = _seen(result, 0)
    if seen is None or result.growth is None:
        return None
    growth, (start, _), (end, _) = result.growth, seen.counted[0], seen.points[-1]
    is_bytes = growth.meter is not Meter.BLOCKS
    fit = _rising(start, end, growth.bytes_per_1000_calls) if is_bytes and growth.from_call is not None else []
    budget = _rising(start, end, result.budget.growth_bytes_per_1000_calls) if is_bytes else []
    x = count_axis(0, end)
    y = _upright(seen, [*seen.gained, *(value for _, value in (*fit, *budget))])
    labels = []
    if fit:
        words = f"{format_size(growth.bytes_per_1000_calls)} / 1000 calls"
        labels.append(ChartLabel(text=words, style="fitted", end=y_of(fit[-1][1], y)))
    if budget:
        words = f"budget {format_size(result.budget.growth_bytes_per_1000_calls)}"
        labels.append(ChartLabel(text=words, style="budget", end=y_of(budget[-1][1], y)))
    band = _band(fit, growth)
    return GrowthChart(
        unit="bytes" if is_bytes else "blocks",
        x=x,
        y=y,
        lines=(seen.line(x, y),),
        labels=spread_labels(labels),
        description=f"{_SUBJECT[growth.meter]} against calls. {seen.words}.",
        warm_up=0.0 if growth.from_call is None else max(0.0, x.at(start)),
        fit=path_of(fit, x, y),
        band=f"{path_of(band, x, y)}Z" if band else "",
        budget=path_of(budget, x, y),
    )


def chart_of_variants(results: Sequence[Result]) -> GrowthChart | None:
    """Return one chart for all variants of a scenario; None where there are not two that can be compared."""
    all_seen = [seen for number, one in enumerate(results) if (seen := _seen(one, number)) is not None]
    if len(all_seen) < 2 or len({seen.meter is Meter.BLOCKS for seen in all_seen}) > 1:
        return None
    first = all_seen[0]
    x = count_axis(0, max(seen.points[-1][0] for seen in all_seen))
    y = _upright(first, [value for seen in all_seen for value in seen.gained], only_counted=True)
    lines = tuple(seen.line(x, y) for seen in all_seen)
    return GrowthChart(
        unit="blocks" if first.meter is Meter.BLOCKS else "bytes",
        x=x,
        y=y,
        lines=lines,
        labels=spread_labels(
            ChartLabel(
                text=line.name,
                style=f"line-{line.number % COLOURS}",
                end=y_of(line.points[-1][1] - line.base, y),
            )
            for line in lines
        ),
        description=f"{_SUBJECT[first.meter]} against calls. {'; '.join(seen.words for seen in all_seen)}.",
    )


def _seen(result: Result, number: int) -> _ResultReadings | None:
    """Return the readings of the meter that decided; None where there are not two."""
    meter = Meter.HEAP if result.growth is None else result.growth.meter
    readings = result.readings
    columns = {
        Meter.HEAP: readings.heap_bytes or readings.python_bytes,
        Meter.RSS: readings.rss_bytes,
        Meter.BLOCKS: readings.blocks,
        Meter.CHILDREN: () if result.children is None else result.children.held_bytes,
    }
    calls = result.children.calls if meter is Meter.CHILDREN and result.children is not None else readings.calls
    points = tuple(thinned(sorted(zip(calls, columns[meter], strict=False))))
    if len(points) < 2:
        return None
    from_call = None if result.growth is None else result.growth.from_call
    counted = tuple(point for point in points if from_call is not None and point[0] >= from_call) or points
    base = counted[0][1] if result.growth is None or from_call is None else _start_of_fit(counted, result.growth)
    return _ResultReadings(result=result, number=number, meter=meter, points=points, counted=counted, base=base)


def _start_of_fit(counted: Sequence[Point], growth: Growth) -> int:
    """Return where the line begins that has the growth's slope and lies closest to these readings."""
    if growth.meter is Meter.BLOCKS:
        return counted[0][1]
    middle = sum(call for call, _ in counted) / len(counted)
    level = sum(value for _, value in counted) / len(counted)
    return round(level - growth.bytes_per_1000_calls * (middle - counted[0][0]) / CALLS_PER_RATE)


def _rising(start: float, end: float, bytes_per_1000_calls: float) -> list[Position]:
    return [(start, 0.0), (end, bytes_per_1000_calls * (end - start) / CALLS_PER_RATE)]


def _band(fit: Sequence[Position], growth: Growth) -> list[Position]:
    """Return the corners of what lies between the bounds; none where nothing is known of them."""
    if not fit or max(abs(growth.low), abs(growth.high)) > _UNKNOWN_BYTES:
        return []
    (start, _), (end, _) = fit
    return [*_rising(start, end, growth.high), _rising(start, end, growth.low)[1]]


def _upright(seen: _ResultReadings, counted: Sequence[float], *, only_counted: bool = False) -> Axis:
    """Return the axis that shows 0 and all that counts, and of the warm-up as much as leaves room for that."""
    low, high = min(0.0, *counted), max(0.0, *counted)
    if not only_counted:
        every = [value - seen.base for _, value in seen.points]
        room = float("inf") if seen.result.verdict is Verdict.BOUNDED else _MOST_CLIPPED * max(high - low, 1.0)
        low, high = max(min(low, *every), low - room), min(max(high, *every), high + room)
    air = _AIR * max(high - low, 1.0)
    make = count_axis if seen.meter is Meter.BLOCKS else bytes_axis
    return make(low - air, high + air)
