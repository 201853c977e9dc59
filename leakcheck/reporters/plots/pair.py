"""Before and after: growth, peak and latency, two bars each, with the change where it is known."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes

from leakcheck.model.result import Result
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.charts import axis
from leakcheck.reporters.messages.cells import bounds_are_known
from leakcheck.reporters.plots.canvas import (
    COLOURS,
    INK,
    QUIET,
    Drawing,
    display_name,
    new_figure,
    number_axis,
    only_grid,
    unit_for,
)

_COLOURS = (COLOURS[4], COLOURS[0])
_SECONDS = (("nanoseconds", 1e-9), ("microseconds", 1e-6), ("milliseconds", 1e-3), ("seconds", 1.0))
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
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPanel:
    """One panel; a bar is None where nothing was measured."""

    title: str
    unit: str
    scale: float
    bars: tuple[PairBar | None, PairBar | None]
    change: str = ""


def pair_figure(before: Result, after: Result) -> Drawing:
    """Return three panels of two bars each, from zero; `~` marks a change that is not significant."""
    names = _names(before, after)
    metrics = (_growth(before, after), _peak(before, after), _latency(before, after))
    figure = new_figure(9.6, 2.7)
    panels = figure.subplots(1, len(metrics), sharey=True).tolist()
    for axes, metric in zip(panels, metrics, strict=True):
        _draw(axes, metric)
    panels[0].set_yticks([0, 1], names)
    panels[0].set_ylim(1.55, -0.55)
    subject = f"{display_name(before.scenario)}: " if before.scenario == after.scenario else ""
    figure.suptitle(f"{subject}{names[0]} → {names[1]}", x=0.01, ha="left", fontweight="bold")
    changes = "; ".join(
        f"{metric.title} {_text(metric.bars[0])}, then {_text(metric.bars[1])} {metric.change}" for metric in metrics
    )
    return Drawing(figure=figure, description=f"{subject}{names[0]}, then {names[1]}. {changes}.")


def _names(before: Result, after: Result) -> tuple[str, str]:
    if before.id == after.id:
        return "before", "after"
    if before.scenario == after.scenario:
        return display_name(before.variant or before.scenario, 24), display_name(after.variant or after.scenario, 24)
    return display_name(before.id, 24), display_name(after.id, 24)


def _draw(axes: Axes, metric: PairPanel) -> None:
    scale = metric.scale
    low = min([0.0, *(bar.low / scale for bar in metric.bars if bar)])
    high = max([0.0, *(bar.high / scale for bar in metric.bars if bar)])
    span = (high - low) or 1.0
    if low > -_LEAST_VISIBLE * span:
        low = 0.0
    for index, (bar, colour) in enumerate(zip(metric.bars, _COLOURS, strict=True)):
        end = 0.0
        if bar is not None:
            axes.barh(index, bar.value / scale, height=0.6, color=colour)
            end = max(bar.high / scale, 0.0)
        if bar is not None and (bar.high - bar.low) / scale > _LEAST_VISIBLE * span:
            bounds = (bar.low / scale, bar.high / scale)
            axes.plot(bounds, (index, index), color=INK, linewidth=1.0, marker="|", markersize=6)
        axes.annotate(_text(bar), xy=(end, index), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_xlim(low - (0.04 * span if low < 0 else 0.0), high + _ROOM_FOR_TEXT * span)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_xlabel(metric.unit)
    axes.set_title(f"{metric.title}: {metric.change}" if metric.change else metric.title)
    number_axis(axes, "x", 4)
    only_grid(axes, "x")


def _growth(before: Result, after: Result) -> PairPanel:
    bars = (_growth_bar(before), _growth_bar(after))
    change = ""
    if bars[0] and bars[1]:
        differ = bars[1].low > bars[0].high or bars[1].high < bars[0].low
        change = _change(bars[0].value, bars[1].value) if differ else "~"
    unit, scale = unit_for(max(max(abs(bar.low), abs(bar.high)) if bar else 0.0 for bar in bars))
    return PairPanel(title="growth", unit=f"{unit} / 1000 calls", scale=scale, bars=bars, change=change)


def _growth_bar(result: Result) -> PairBar | None:
    growth = result.growth
    if growth is None or not bounds_are_known(growth.low, growth.high):
        return None
    rate = growth.bytes_per_1000_calls
    return PairBar(value=rate, low=growth.low, high=growth.high, text=format_size(rate))


def _peak(before: Result, after: Result) -> PairPanel:
    bars = (_exact(before.peak_bytes, format_size), _exact(after.peak_bytes, format_size))
    unit, scale = unit_for(max(bar.value if bar else 0.0 for bar in bars))
    change = _change(bars[0].value, bars[1].value) if bars[0] and bars[1] else ""
    return PairPanel(title="peak of one call", unit=unit, scale=scale, bars=bars, change=change)


def _latency(before: Result, after: Result) -> PairPanel:
    """Return the medians, without a change: their spread from run to run is unknown."""
    bars = (_exact(_p50(before), format_duration), _exact(_p50(after), format_duration))
    longest = max(bar.value if bar else 0.0 for bar in bars)
    unit, scale = axis.unit_for(_SECONDS, longest)
    return PairPanel(title="time of one call, p50", unit=unit, scale=scale, bars=bars)


def _p50(result: Result) -> float | None:
    return None if result.latency_seconds is None else axis.finite(result.latency_seconds.p50)


def _exact(value: float | None, text: Callable[[float], str]) -> PairBar | None:
    return None if value is None else PairBar(value=value, low=value, high=value, text=text(value))


def _text(bar: PairBar | None) -> str:
    return "not measured" if bar is None else bar.text


def _change(before: float, after: float) -> str:
    """Return a change in percent, or as a factor where it is large; "" where `before` is zero."""
    if before <= 0 or after < 0:
        return ""
    if after > 10 * before:
        return f"× {after / before:,.0f}"
    return f"{100 * (after - before) / before:+,.0f} %".replace("-", "−")
