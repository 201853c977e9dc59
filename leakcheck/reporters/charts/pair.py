"""Before and after: growth, peak and latency, two bars each, with the change where it is known."""

from collections.abc import Callable
from dataclasses import dataclass

from leakcheck.model.comparison import Metric, ScenarioComparison
from leakcheck.model.result import Result
from leakcheck.model.tolerance import ChangeVerdict
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.charts.axis import Axis, bytes_axis, finite, seconds_axis
from leakcheck.reporters.charts.labels import short_name
from leakcheck.reporters.messages.cells import bounds_are_known

_LEAST_VISIBLE = 0.02
"""A share of the axis: closer bounds are not drawn, and the axis does not start below 0 for less."""
_ROOM_FOR_TEXT = 0.6
"""A share of the longest bar, to the right of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBar:
    """One value with its bounds."""

    value: float
    low: float
    high: float
    label: str


_Bars = tuple[PairBar | None, PairBar | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPanel:
    """One panel; a bar is None where nothing was measured."""

    title: str
    axis: Axis
    bars: _Bars

    def has_visible_bounds(self, bar: PairBar) -> bool:
        """Return whether the bounds are far enough apart to be drawn."""
        return bar.high - bar.low > _LEAST_VISIBLE * (self.axis.high - self.axis.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChart:
    """Two results beside each other."""

    title: str
    names: tuple[str, str]
    panels: tuple[PairPanel, ...]

    @property
    def description(self) -> str:
        """The chart in words."""
        panels = "; ".join(f"{panel.title} {', then '.join(map(label_of, panel.bars))}" for panel in self.panels)
        return f"{self.title}. {panels}."


def pair_chart(before: Result, after: Result, comparison: ScenarioComparison) -> PairChart:
    """Return three panels of two bars each, from zero; `~` marks a change that does not count."""
    verdicts = {row.metric: row.verdict for row in comparison.rows}
    names = _names(before, after)
    subject = f"{short_name(before.scenario)}: " if before.scenario == after.scenario else ""
    growths = _growth_bar(before), _growth_bar(after)
    peaks = _exact(before.peak_bytes, format_size), _exact(after.peak_bytes, format_size)
    medians = _exact(_p50(before), format_duration), _exact(_p50(after), format_duration)
    return PairChart(
        title=f"{subject}{names[0]} → {names[1]}",
        names=names,
        panels=(
            _panel("growth", growths, verdicts.get(Metric.GROWTH), bytes_axis, "growth per 1000 calls"),
            _panel("peak", peaks, verdicts.get(Metric.PEAK), bytes_axis, "peak memory of one call"),
            _panel("latency", medians, verdicts.get(Metric.P50), seconds_axis, "time of one call, p50"),
        ),
    )


def label_of(bar: PairBar | None) -> str:
    """Return what stands beside a bar."""
    return "not measured" if bar is None else bar.label


def _names(before: Result, after: Result) -> tuple[str, str]:
    if before.id == after.id:
        return "before", "after"
    if before.scenario == after.scenario:
        return short_name(before.variant or before.scenario, 24), short_name(after.variant or after.scenario, 24)
    return short_name(before.id, 24), short_name(after.id, 24)


def _panel(
    title: str, bars: _Bars, verdict: ChangeVerdict | None, make_axis: Callable[..., Axis], axis_title: str
) -> PairPanel:
    low = min([0.0, *(bar.low for bar in bars if bar)])
    high = max([0.0, *(bar.high for bar in bars if bar)])
    span = (high - low) or 1.0
    low = low - 0.04 * span if low < -_LEAST_VISIBLE * span else 0.0
    change = _change(*bars, verdict)
    return PairPanel(
        title=f"{title}: {change}" if change else title,
        axis=make_axis(axis_title, low, high + _ROOM_FOR_TEXT * span, steps=4),
        bars=bars,
    )


def _growth_bar(result: Result) -> PairBar | None:
    growth = result.growth
    if growth is None or not bounds_are_known(growth.low, growth.high):
        return None
    rate = growth.bytes_per_1000_calls
    return PairBar(value=finite(rate), low=growth.low, high=growth.high, label=format_size(rate))


def _p50(result: Result) -> float | None:
    return None if result.latency_seconds is None else result.latency_seconds.p50


def _exact(value: float | None, text: Callable[[float], str]) -> PairBar | None:
    if value is None:
        return None
    value = finite(value)
    return PairBar(value=value, low=value, high=value, label=text(value))


def _change(before: PairBar | None, after: PairBar | None, verdict: ChangeVerdict | None) -> str:
    """Return a change in percent, or as a factor where it is large; "" where there is nothing to compare with."""
    if before is None or after is None or verdict is None:
        return ""
    if verdict not in (ChangeVerdict.WORSE, ChangeVerdict.BETTER):
        return "~"
    if before.value <= 0 or after.value < 0:
        return ""
    if after.value > 10 * before.value:
        return f"× {after.value / before.value:,.0f}"
    return f"{100 * (after.value - before.value) / before.value:+,.0f} %".replace("-", "−")
