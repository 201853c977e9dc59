"""A growth chart as SVG: WIDTH stretches with the page, HEIGHT does not."""

from collections.abc import Iterable
from dataclasses import dataclass

from leakcheck.reporters.charts.axis import Axis
from leakcheck.reporters.charts.growth import GrowthChart, Position
from leakcheck.reporters.charts.labels import spread

HEIGHT, WIDTH = 220, 1000

_LABEL_HEIGHT = 15.0
_LETTER_WIDTH = 6.7
_LABEL_INDENT = 18
_FARTHEST_POSITION = 9.0
"""Positions farther outside of the chart are clipped to this, so that no coordinate gets out of hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgLabel:
    """A label at the right end of a line."""

    text: str
    role: str
    end: float
    """The end of the line, from the top."""
    y: float
    """The label itself, from the top: it may have been moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSvg:
    """What the template needs of a growth chart besides the chart itself."""

    chart: GrowthChart
    labels: tuple[SvgLabel, ...]

    @property
    def label_width(self) -> int:
        """The width of the longest label."""
        return round(_LABEL_INDENT + _LETTER_WIDTH * max(len(label.text) for label in self.labels))

    @property
    def data(self) -> dict[str, object]:
        """What the page's script needs to show the values under the pointer."""
        x, y = self.chart.x, self.chart.y
        names = ("name", "role", "origin", "points")
        series = [{name: getattr(line, name) for name in names} for line in self.chart.series]
        return {"unit": y.unit, "x": [x.low, x.high], "y": [y.low, y.high], "series": series}

    def height(self, value: float) -> float:
        """Return the distance of a value on the y axis from the top."""
        return HEIGHT * (1 - self.chart.y.position(value))

    def path(self, positions: Iterable[Position]) -> str:
        """Return the line through these positions as the `d` of an SVG path."""
        return "".join(
            f"{'L' if number else 'M'}{WIDTH * _clipped(self.chart.x, call):.1f} "
            f"{HEIGHT * (1 - _clipped(self.chart.y, value)):.1f}"
            for number, (call, value) in enumerate(positions)
        )


def growth_svg(chart: GrowthChart | None) -> GrowthSvg | None:
    """Return a chart with its labels from top to bottom, moved so that none overlaps another; None for none."""
    if chart is None:
        return None
    ends = [(float(line.points[-1][1]), line.label, line.role) for line in chart.series]
    ends += [(budget.end[1], budget.label, "budget") for budget in chart.budgets]
    ordered = sorted((HEIGHT * (1 - max(0.0, min(chart.y.position(end), 1.0))), text, role) for end, text, role in ends)
    margin = _LABEL_HEIGHT / 2
    heights = spread([end for end, *_ in ordered], HEIGHT - margin, low=margin, gap=_LABEL_HEIGHT)
    labels = [
        SvgLabel(text=text, role=role, end=end, y=y) for (end, text, role), y in zip(ordered, heights, strict=True)
    ]
    return GrowthSvg(chart=chart, labels=tuple(labels))


def _clipped(axis: Axis, value: float) -> float:
    return max(-_FARTHEST_POSITION, min(axis.position(value), _FARTHEST_POSITION))
