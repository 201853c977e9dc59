"""The growth chart: memory against calls, both relative to the end of warm-up.

So variants with different heaps and warm-ups share one origin with their budgets, and a leak is a slope and not a hair
on a tall base. Zero is where the fitted line begins, at the first call after the warm-up.
"""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace

from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.units import format_growth, format_size
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.charts.axis import Axis, bytes_axis, count_axis
from leakcheck.reporters.charts.labels import OVER, UNKNOWN, WITHIN, left_out, short_name
from leakcheck.reporters.charts.readings import Point, fit_start, points_of, rise, thinned
from leakcheck.reporters.messages.cells import bounds_are_known

_MOST_SERIES = 8
"""As many as there are colours."""
_MOST_PANELS = 9
_MOST_CLIPPED = 1.5
"""How far the axis extends for the warm-up, in heights of the readings that count; the rest is clipped."""

_LEAST_SPAN_BYTES = 1024.0
"""The least height of an axis: the few bytes of a clean scenario must not look like growth."""

_MARGIN = 0.06
_SUBJECTS = {
    Meter.HEAP: "memory growth",
    Meter.RSS: "growth of resident pages",
    Meter.BLOCKS: "growth of Python's blocks",
    Meter.CHILDREN: "growth of child processes' pages",
}
_METER_NOTES = {Meter.RSS: ", pages", Meter.CHILDREN: ", child processes"}

Position = tuple[float, float]
"""Calls and value after the end of warm-up; the calls of the warm-up are negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSeries:
    """The readings of one result."""

    name: str
    label: str
    role: str
    """The colour role: within, over or unknown for a single result, `line-0` to `line-7` among variants."""
    points: tuple[Point, ...]
    """Relative to the origin."""
    origin: Point
    """The call and the value that are drawn at zero."""
    fit: tuple[Position, ...] = ()
    """Both ends of the fitted line; none where the growth is unknown, or counted in blocks."""
    band: tuple[Position, ...] = ()
    """The corners of the area between the bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """A growth budget, from the origin to where it ends or leaves the chart."""

    label: str
    end: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthChart:
    """The growth of one result with its warm-up, or of a scenario's variants without."""

    title: str
    subject: str
    """The id of the result, or the scenario."""
    x: Axis
    y: Axis
    series: tuple[GrowthSeries, ...]
    budgets: tuple[BudgetLine, ...]
    left_out: str = ""

    @property
    def warm_up(self) -> float:
        """The share of the width that does not count."""
        return max(0.0, self.x.position(0))

    @property
    def note(self) -> str:
        """The legend, and what is left out."""
        return _note((self,), self.left_out)

    @property
    def description(self) -> str:
        """The chart in words."""
        labels = "; ".join(series.label for series in self.series)
        return f"{self.subject}: {self.y.title}, by {self.x.title}. {labels}."


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPanels:
    """The growth charts of a run: one for the variants of one scenario, else one for each result."""

    charts: tuple[GrowthChart, ...]
    left_out: str = ""

    @property
    def note(self) -> str:
        """The legend, and what is left out."""
        return _note(self.charts, self.left_out)


def growth_chart(result: Result) -> GrowthChart | None:
    """Return the chart of one result, with its warm-up; None without two readings."""
    series = _series_of(result)
    if series is None:
        return None
    room = float("inf") if result.verdict is Verdict.BOUNDED else _MOST_CLIPPED
    return _chart("Growth", result.id, [(series, result)], room)


def growth_chart_of_variants(results: Sequence[Result]) -> GrowthChart | None:
    """Return one chart for all variants of a scenario, leaks first; None unless there are two that can be compared."""
    pairs = [
        (series, result)
        for result in _fastest_first(results)
        if (series := _series_of(result, is_variant=True)) is not None
    ]
    in_bytes = [pair for pair in pairs if not _is_in_blocks(pair[1])]
    comparable = in_bytes or pairs
    drawn = comparable[:_MOST_SERIES]
    if len(drawn) < 2:
        return None
    chart = _chart("Growth of each variant", results[0].scenario, drawn, 0.0)
    coloured = tuple(replace(line, role=f"line-{number}") for number, line in enumerate(chart.series))
    return replace(chart, series=coloured, left_out=_left_out(drawn, comparable, results))


def growth_panels(results: Sequence[Result]) -> GrowthPanels | None:
    """Return the charts of a run, leaks first and then the fastest growing; None where nothing can be drawn."""
    if len({(result.target, result.scenario) for result in results}) == 1:
        of_variants = growth_chart_of_variants(results)
        if of_variants is not None:
            return GrowthPanels(charts=(of_variants,), left_out=of_variants.left_out)
    charts = [chart for result in _fastest_first(results) if (chart := growth_chart(result)) is not None]
    drawn = tuple(charts[:_MOST_PANELS])
    return GrowthPanels(charts=drawn, left_out=_left_out(drawn, charts, results)) if drawn else None


def _fastest_first(results: Sequence[Result]) -> list[Result]:
    def rank(result: Result) -> tuple[bool, float]:
        growth = result.growth
        return result.verdict is not Verdict.LEAK, 0.0 if growth is None else -growth.bytes_per_1000_calls

    return sorted(results, key=rank)


def _is_in_blocks(result: Result) -> bool:
    return result.growth is not None and result.growth.meter is Meter.BLOCKS


def _series_of(result: Result, *, is_variant: bool = False) -> GrowthSeries | None:
    """Return the readings of a result; of a variant those after the warm-up. None without two readings."""
    growth = result.growth
    points = [] if growth is None else list(thinned(points_of(result, growth.meter)))
    if growth is None or not _spans_calls(points):
        return None
    counted = [point for point in points if point[0] >= _first_call(growth)]
    is_fitted = bounds_are_known(growth.low, growth.high) and not _is_in_blocks(result) and _spans_calls(counted)
    counted = counted if _spans_calls(counted) else points
    (call, value), (last, _) = counted[0], counted[-1]
    if is_fitted:
        value = round(fit_start(counted, growth.bytes_per_1000_calls))
    rate, low, high = (
        (last - call, rise(slope, last - call)) for slope in (growth.bytes_per_1000_calls, growth.low, growth.high)
    )
    name, label = result.variant or result.scenario, _rate_text(result, growth)
    return GrowthSeries(
        name=name,
        label=f"{short_name(name, 24)}: {label}" if is_variant else label,
        role=_role(result),
        points=tuple((at - call, held - value) for at, held in (counted if is_variant else points)),
        origin=(call, value),
        fit=((0.0, 0.0), rate) if is_fitted else (),
        band=((0.0, 0.0), high, low) if is_fitted else (),
    )


def _first_call(growth: Growth) -> float:
    if growth.from_call is not None:
        return growth.from_call
    # a document from before from_call existed: the warm-up was the first quarter; else nothing was estimated
    return growth.calls / 4 if bounds_are_known(growth.low, growth.high) else 0


def _spans_calls(points: Sequence[Point]) -> bool:
    return len(points) > 1 and points[0][0] < points[-1][0]


def _rate_text(result: Result, growth: Growth) -> str:
    if not bounds_are_known(growth.low, growth.high):
        return "growth unknown"
    bounded = ", bounded" if result.verdict is Verdict.BOUNDED else ""
    return f"{format_size(growth.bytes_per_1000_calls)} / 1000 calls{_METER_NOTES.get(growth.meter, '')}{bounded}"


def _role(result: Result) -> str:
    if "growth" in result.over_budget:
        return OVER
    return UNKNOWN if result.gate in (Gate.INCONCLUSIVE, Gate.ERROR) else WITHIN


def _chart(title: str, subject: str, drawn: Sequence[tuple[GrowthSeries, Result]], warm_up_room: float) -> GrowthChart:
    series = tuple(line for line, _ in drawn)
    meters = {result.growth.meter for _, result in drawn if result.growth is not None}
    is_bytes = meters != {Meter.BLOCKS}
    measured = _SUBJECTS[meters.pop() if len(meters) == 1 else Meter.HEAP]
    y_title = f"{measured} relative to the end of warm-up"
    first, last = min(line.points[0][0] for line in series), max(line.points[-1][0] for line in series)
    rates = sorted({result.budget.growth_bytes_per_1000_calls for _, result in drawn}) if is_bytes else []
    counted = [0.0, *(rise(rate, last) for rate in rates[:1])]
    low, high = _range(series, counted, _LEAST_SPAN_BYTES if is_bytes else 1.0, warm_up_room)
    return GrowthChart(
        title=title,
        subject=subject,
        x=count_axis("calls after warm-up", first, last, unit="calls"),
        y=bytes_axis(y_title, low, high, steps=6) if is_bytes else count_axis(y_title, low, high, unit="blocks"),
        series=series,
        budgets=tuple(_budget_line(rate, last, high) for rate in rates),
    )


def _budget_line(rate: float, last: float, top: float) -> BudgetLine:
    end = rise(rate, last)
    # a budget that leaves the chart is labelled where it does
    return BudgetLine(
        label=f"budget: {format_growth(rate)}", end=(last, end) if end <= top else (last * top / end, top)
    )


def _range(
    series: Sequence[GrowthSeries], counted: list[float], least_span: float, warm_up_room: float
) -> tuple[float, float]:
    """Return the range of all that counts, with as much of the warm-up as leaves room for that."""
    counted += [value for line in series for call, value in line.points if call >= 0]
    counted += [value for line in series for _, value in line.fit]
    low, high = min(counted), max(*counted, min(counted) + least_span)
    values = [low, high, *(value for line in series for _, value in line.points)]
    room = warm_up_room * (high - low)
    low, high = max(min(values), low - room), min(max(values), high + room)
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def _note(charts: Sequence[GrowthChart], left_out: str) -> str:
    sentences = {
        "Dotted: the budget.": any(chart.budgets for chart in charts),
        "Thin, with a band: the fitted slope and its bounds.": any(
            line.fit for chart in charts for line in chart.series
        ),
        "Shaded: the warm-up, which does not count.": any(chart.warm_up for chart in charts),
        "Each panel has its own scale.": len(charts) > 1,
        left_out: bool(left_out),
    }
    return " ".join(sentence for sentence, applies in sentences.items() if applies)


def _left_out(drawn: Sized, drawable: Sized, results: Sized) -> str:
    counts = len(drawn), len(drawable), len(results)
    return left_out(*counts, drawn_first="that grow the fastest", missing="comparable readings")
