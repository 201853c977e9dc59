"""The growth chart: live bytes against calls, as lines of an SVG that any width stretches.

What is drawn is the bytes gained since the first call that counts: so variants that start with
different heaps begin at the same height, and a leak is a slope and not a hair on a tall base.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leakcheck.model import Growth, Meter, Readings, Result, Verdict
from leakcheck.reporters.html.scales import Axis, bytes_axis, count_axis
from leakcheck.units import CALLS_PER_RATE, format_size

HEIGHT, WIDTH = 220, 1000
"""Of the drawing, in its own units: its height is kept, and its width is stretched."""

_MOST_POINTS = 400
_LABEL_HEIGHT = 15.0
_UNKNOWN_BYTES = 1e14
_MOST_CLIPPED = 1.5
"""Spans of what counts that the warm-up may add below it; what lies deeper is cut off."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The readings of one variant."""

    name: str
    number: int
    """Which colour it has."""
    points: tuple[Point, ...]
    """Calls, and the meter's value after them, as in the document."""
    base: int
    """The value that is drawn at 0."""
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What stands at the right end of a line."""

    text: str
    y: float
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All that is drawn, in the drawing's own units."""

    unit: str
    """bytes or blocks."""
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
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

    def y_of(self, at: float) -> float:
        """Return the height of a place on the upright axis, from the top."""
        return HEIGHT * (1 - at)


def chart_of(result: Result) -> Chart | None:
    """Return the chart of one variant, with its fitted slope, the bounds and the budget; None without readings."""
    points = readings_of(result)
    if len(points) < 2 or result.growth is None:
        return None
    growth = result.growth
    counted = _counted(points, growth.from_call)
    base, (start, end) = counted[0][1], (counted[0][0], points[-1][0])
    fitted = [] if growth.from_call is None else _fitted(counted, growth.bytes_per_1000_calls, base)
    allowed = _rising(start, end, 0.0, result.budget.growth_bytes_per_1000_calls)
    x = count_axis(0, end)
    values = [value - base for _, value in counted] + [0.0] + [value for _, value in (*fitted, *allowed)]
    y = _upright(values, [value - base for _, value in points], growth.meter, whole=result.verdict is Verdict.BOUNDED)
    line = _line(result.variant or result.scenario, 0, points, base, x, y)
    is_rate = growth.meter is not Meter.BLOCKS
    band = _band(fitted, growth) if is_rate else []
    rate = f"{format_size(growth.bytes_per_1000_calls)} / 1000 calls"
    labels = [("fitted", rate, fitted[-1][1])] if fitted and is_rate else []
    if is_rate:
        labels.append(("budget", f"budget {format_size(result.budget.growth_bytes_per_1000_calls)}", allowed[-1][1]))
    return Chart(
        unit="bytes" if is_rate else "blocks",
        x=x,
        y=y,
        lines=(line,),
        labels=_apart([Label(text=text, y=HEIGHT * (1 - y.at(end)), style=style) for style, text, end in labels]),
        description=_description(result, points),
        warm_up=0.0 if growth.from_call is None else max(0.0, x.at(start)),
        fit=_path(fitted, x, y) if is_rate else "",
        band=_path(band, x, y) + "Z" if band else "",
        budget=_path(allowed, x, y) if is_rate else "",
    )


def chart_of_variants(results: Sequence[Result]) -> Chart | None:
    """Return one chart for all variants of a scenario; None where there are not two to compare."""
    seen = [(at, one, points) for at, one in enumerate(results) if len(points := readings_of(one)) > 1]
    meters = {_meter(one) is Meter.BLOCKS for _, one, _ in seen}
    if len(seen) < 2 or len(meters) > 1:
        return None
    bases = [_counted(points, one.growth.from_call if one.growth else None)[0] for _, one, points in seen]
    gained = [
        value - base
        for (_, _, points), (start, base) in zip(seen, bases, strict=True)
        for call, value in points
        if call >= start
    ]
    x = count_axis(0, max(points[-1][0] for _, _, points in seen))
    meter = _meter(seen[0][1])
    y = _upright([*gained, 0.0], gained, meter)
    lines = [
        _line(_name(one), at, points, base, x, y) for (at, one, points), (_, base) in zip(seen, bases, strict=True)
    ]
    ends = [HEIGHT * (1 - y.at(line.points[-1][1] - line.base)) for line in lines]
    labels = [
        Label(text=line.name, y=end, style=f"line-{line.number % 8}") for line, end in zip(lines, ends, strict=True)
    ]
    said = "; ".join(_ends(_name(one), points, _meter(one)) for _, one, points in seen)
    return Chart(
        unit="blocks" if meter is Meter.BLOCKS else "bytes",
        x=x,
        y=y,
        lines=tuple(lines),
        labels=_apart(labels),
        description=f"{_SUBJECT[meter]} against calls, a line a variant. {said}.",
    )


def readings_of(result: Result) -> tuple[Point, ...]:
    """Return the readings of the meter that decided, in order; of very many those that show all highs and lows."""
    readings = result.readings
    column = _column(readings, _meter(result))
    return tuple(_thinned(sorted(zip(readings.calls, column, strict=False))))


def _meter(result: Result) -> Meter:
    return Meter.HEAP if result.growth is None else result.growth.meter


def _column(readings: Readings, meter: Meter) -> Sequence[int]:
    if meter is Meter.RSS:
        return readings.rss_bytes
    return readings.blocks if meter is Meter.BLOCKS else readings.heap_bytes or readings.python_bytes


def _name(result: Result) -> str:
    name = result.variant or result.scenario
    return f"{name} (pages)" if _meter(result) is Meter.RSS else name


def _thinned(points: list[Point]) -> Iterator[Point]:
    if len(points) <= _MOST_POINTS:
        yield from points
        return
    length = -(-2 * len(points) // _MOST_POINTS)
    for start in range(0, len(points), length):
        part = points[start : start + length]
        # the first and the last reading stay whatever they are: the line begins and ends where it did
        ends = {points[0], points[-1]} & {*part}
        extremes = {pick(part, key=lambda point: point[1]) for pick in (min, max)}
        yield from sorted(extremes | ends)


def _counted(points: Sequence[Point], from_call: int | None) -> Sequence[Point]:
    counted = [point for point in points if from_call is not None and point[0] >= from_call]
    return counted or points


def _fitted(counted: Sequence[Point], rate: float, base: int) -> list[tuple[float, float]]:
    """Return the ends of the line with the growth's slope that lies closest to the readings."""
    middle = sum(call for call, _ in counted) / len(counted)
    level = sum(value - base for _, value in counted) / len(counted)
    start, end = counted[0][0], counted[-1][0]
    return _rising(start, end, level - rate * (middle - start) / CALLS_PER_RATE, rate)


def _rising(start: float, end: float, level: float, rate: float) -> list[tuple[float, float]]:
    return [(start, level), (end, level + rate * (end - start) / CALLS_PER_RATE)]


def _band(fitted: Sequence[tuple[float, float]], growth: Growth) -> list[tuple[float, float]]:
    """Return the corners of what lies between the bounds, if anything is known."""
    if not fitted or max(abs(growth.low), abs(growth.high)) > _UNKNOWN_BYTES:
        return []
    (start, level), (end, _) = fitted
    return [*_rising(start, end, level, growth.high), _rising(start, end, level, growth.low)[1]]


def _upright(counted: Sequence[float], whole_series: Sequence[float], meter: Meter, *, whole: bool = False) -> Axis:
    low, high = min(counted), max(counted)
    span = max(high - low, 1.0)
    deepest, tallest = min(low, *whole_series), max(high, *whole_series)
    low = deepest if whole else max(deepest, low - _MOST_CLIPPED * span)
    high = tallest if whole else min(tallest, high + _MOST_CLIPPED * span)
    air = 0.06 * max(high - low, 1.0)
    make = count_axis if meter is Meter.BLOCKS else bytes_axis
    return make(low - air, high + air)


def _line(name: str, number: int, points: tuple[Point, ...], base: int, x: Axis, y: Axis) -> Line:
    path = _path([(call, value - base) for call, value in points], x, y)
    return Line(name=name, number=number, points=points, base=base, path=path)


def _path(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    def clipped(value: float) -> float:
        return max(-9.0, min(value, 9.0))

    return "".join(
        f"{'L' if at else 'M'}{WIDTH * clipped(x.at(call)):.1f} {HEIGHT * (1 - clipped(y.at(value))):.1f}"
        for at, (call, value) in enumerate(points)
    )


def _apart(labels: Sequence[Label]) -> tuple[Label, ...]:
    """Return the labels moved so far that none lies on another, and none outside."""
    low, placed = 0.0, []
    for label in sorted(labels, key=lambda one: one.y):
        low = max(label.y, low + _LABEL_HEIGHT if placed else _LABEL_HEIGHT / 2)
        placed.append(low)
    below = HEIGHT - _LABEL_HEIGHT / 2
    for at in range(len(placed) - 1, -1, -1):
        placed[at] = below = min(placed[at], below)
        below -= _LABEL_HEIGHT
    ordered = sorted(labels, key=lambda one: one.y)
    return tuple(Label(text=one.text, y=y, style=one.style) for one, y in zip(ordered, placed, strict=True))


_SUBJECT = {Meter.HEAP: "Live bytes", Meter.RSS: "Resident pages", Meter.BLOCKS: "Python's live blocks"}


def _ends(name: str, points: Sequence[Point], meter: Meter) -> str:
    (first, before), (last, after) = points[0], points[-1]
    size = format_size if meter is not Meter.BLOCKS else "{:,}".format
    return f"{name}: {size(before)} after call {first:,}, {size(after)} after call {last:,}"


def _description(result: Result, points: Sequence[Point]) -> str:
    assert result.growth is not None
    subject = _SUBJECT[result.growth.meter]
    return f"{subject} against calls. {_ends(result.id, points, result.growth.meter)}."
