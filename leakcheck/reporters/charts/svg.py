"""Lines and labels in a chart's own units: WIDTH stretches with the page, HEIGHT does not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from leakcheck.reporters.charts.axis import Axis

HEIGHT, WIDTH = 220, 1000

_MOST_POINTS = 400
_LABEL_HEIGHT = 15.0
_FARTHEST_POSITION = 9.0
"""Positions farther outside of the chart are clipped to this, so that no coordinate gets out of hand."""

Point = tuple[int, int]
"""Calls, and the meter's value after them, as in the document."""

Position = tuple[float, float]
"""Calls, and the value to draw there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """The readings of one variant."""

    name: str
    number: int
    """The number of its colour."""
    points: tuple[Point, ...]
    base: int
    """The value that is drawn at 0."""
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLabel:
    """A label at the right end of a line."""

    text: str
    style: str
    end: float
    """The end of the line, from the top."""
    y: float = 0.0
    """The label itself, from the top: it may have been moved."""


def line_of(name: str, number: int, points: tuple[Point, ...], base: int, x: Axis, y: Axis) -> ChartLine:
    """Return the readings as a line, relative to `base`."""
    path = path_of([(call, value - base) for call, value in points], x, y)
    return ChartLine(name=name, number=number, points=points, base=base, path=path)


def path_of(positions: Iterable[Position], x: Axis, y: Axis) -> str:
    """Return the line through these positions as the `d` of an SVG path."""

    def clipped(axis: Axis, value: float) -> float:
        return max(-_FARTHEST_POSITION, min(axis.position(value), _FARTHEST_POSITION))

    return "".join(
        f"{'L' if number else 'M'}{WIDTH * clipped(x, call):.1f} {HEIGHT * (1 - clipped(y, value)):.1f}"
        for number, (call, value) in enumerate(positions)
    )


def y_of(value: float, y: Axis) -> float:
    """Return the distance of a value from the top; at the edge for a value outside of the chart."""
    return HEIGHT * (1 - max(0.0, min(y.position(value), 1.0)))


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


def spread_labels(labels: Iterable[ChartLabel]) -> tuple[ChartLabel, ...]:
    """Return the labels from top to bottom, moved so that none overlaps another or the edge."""
    ordered = sorted(labels, key=lambda label: label.end)
    margin = _LABEL_HEIGHT / 2
    positions = spread([label.end for label in ordered], HEIGHT - margin, low=margin, gap=_LABEL_HEIGHT)
    return tuple(replace(label, y=y) for label, y in zip(ordered, positions, strict=True))


def spread(positions: Sequence[float], high: float, *, low: float = 0.0, gap: float = 1.0) -> list[float]:
    """Return ascending positions moved to be at least `gap` apart and, unless too many, between `low` and `high`."""
    moved: list[float] = []
    for position in positions:
        moved.append(max(position, moved[-1] + gap if moved else low))
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], high)
        high = moved[index] - gap
    return moved
