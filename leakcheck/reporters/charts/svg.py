"""Lines and their labels in a chart's own units: WIDTH stretches with the page, HEIGHT does not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from leakcheck.reporters.charts.axis import Axis

HEIGHT, WIDTH = 220, 1000

_MOST_POINTS = 400
_LABEL_HEIGHT = 15.0
_FAR_OUTSIDE = 9.0
"""What lies further from the drawing is drawn as far as this, so that no number gets out of hand."""

Point = tuple[int, int]
"""Calls, and the meter's value after them, as in the document."""

Position = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """The readings of one variant."""

    name: str
    number: int
    """Which colour it has."""
    points: tuple[Point, ...]
    base: int
    """The value that is drawn at 0."""
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLabel:
    """What stands at the right end of a line."""

    text: str
    style: str
    end: float
    """Where the line ends, from the top."""
    y: float = 0.0
    """Where the label stands: it may have had to make room."""


def line_of(name: str, number: int, points: tuple[Point, ...], base: int, x: Axis, y: Axis) -> ChartLine:
    """Return the readings as a line, from `base` upwards."""
    path = path_of([(call, value - base) for call, value in points], x, y)
    return ChartLine(name=name, number=number, points=points, base=base, path=path)


def path_of(places: Iterable[Position], x: Axis, y: Axis) -> str:
    """Return the line through these places, as SVG writes it."""

    def near(at: float) -> float:
        return max(-_FAR_OUTSIDE, min(at, _FAR_OUTSIDE))

    return "".join(
        f"{'L' if number else 'M'}{WIDTH * near(x.at(call)):.1f} {HEIGHT * (1 - near(y.at(value))):.1f}"
        for number, (call, value) in enumerate(places)
    )


def y_of(value: float, y: Axis) -> float:
    """Return where a value lies from the top; at the edge for what lies outside."""
    return HEIGHT * (1 - max(0.0, min(y.at(value), 1.0)))


def thinned(points: Sequence[Point]) -> Iterator[Point]:
    """Yield the points, of very many those that show all highs and lows, the first and the last included."""
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
    """Return the labels moved so far that none lies on another, and none outside."""
    ordered = sorted(labels, key=lambda one: one.end)
    heights: list[float] = []
    for label in ordered:
        least = heights[-1] + _LABEL_HEIGHT if heights else _LABEL_HEIGHT / 2
        heights.append(max(label.end, least))
    most = HEIGHT - _LABEL_HEIGHT / 2
    for at in reversed(range(len(heights))):
        heights[at] = min(heights[at], most)
        most = heights[at] - _LABEL_HEIGHT
    return tuple(replace(one, y=y) for one, y in zip(ordered, heights, strict=True))
