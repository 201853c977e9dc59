"""Before and after: growth, peak and time of one call, two bars each, with the change where it is known."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes

from leakcheck.model.result import Result
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.plots.canvas import (
    COLOURS,
    INK,
    QUIET,
    Drawing,
    new_figure,
    number_axis,
    only_grid,
    shown,
    unit_for,
)

_COLOURS = (COLOURS[4], COLOURS[0])
_UNKNOWN_BYTES = 1e14
_SECONDS = (("seconds", 1.0), ("milliseconds", 1e-3), ("microseconds", 1e-6), ("nanoseconds", 1e-9))
_LEAST_SEEN = 0.02
"""Of the axis: bounds that lie closer together are not drawn, and no axis is begun below 0 for less."""
_ROOM_FOR_WORDS = 0.6
"""Of the longest bar, right of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBar:
    """One value with its bounds."""

    value: float
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPanel:
    """What one panel shows; a bar of None was not measured."""

    title: str
    unit: str
    scale: float
    bars: tuple[PairBar | None, PairBar | None]
    change: str = ""


def pair_figure(before: Result, after: Result) -> Drawing:
    """Return three panels of two bars each. Bars begin at nothing, and `~` says that no change can be told."""
    names = _names(before, after)
    metrics = (_growth(before, after), _peak(before, after), _latency(before, after))
    figure = new_figure(9.6, 2.7)
    every = figure.subplots(1, len(metrics), sharey=True).tolist()
    for axes, metric in zip(every, metrics, strict=True):
        _draw(axes, metric)
    every[0].set_yticks([0, 1], names)
    every[0].set_ylim(1.55, -0.55)
    subject = f"{shown(before.scenario)}: " if before.scenario == after.scenario else ""
    figure.suptitle(f"{subject}{names[0]} → {names[1]}", x=0.01, ha="left", fontweight="bold")
    said = "; ".join(f"{one.title} {_words(one.bars[0])}, then {_words(one.bars[1])} {one.change}" for one in metrics)
    return Drawing(figure=figure, description=f"{subject}{names[0]}, then {names[1]}. {said}.")


def _names(before: Result, after: Result) -> tuple[str, str]:
    if before.id == after.id:
        return "before", "after"
    if before.scenario == after.scenario:
        return shown(before.variant or before.scenario, 24), shown(after.variant or after.scenario, 24)
    return shown(before.id, 24), shown(after.id, 24)


def _draw(axes: Axes, metric: PairPanel) -> None:
    scale = metric.scale
    low = min([0.0, *(bar.low / scale for bar in metric.bars if bar)])
    high = max([0.0, *(bar.high / scale for bar in metric.bars if bar)])
    span = (high - low) or 1.0
    if low > -_LEAST_SEEN * span:
        low = 0.0
    for place, (bar, colour) in enumerate(zip(metric.bars, _COLOURS, strict=True)):
        end = 0.0
        if bar is not None:
            axes.barh(place, bar.value / scale, height=0.6, color=colour)
            end = max(bar.high / scale, 0.0)
        if bar is not None and (bar.high - bar.low) / scale > _LEAST_SEEN * span:
            bounds = (bar.low / scale, bar.high / scale)
            axes.plot(bounds, (place, place), color=INK, linewidth=1.0, marker="|", markersize=6)
        axes.annotate(_words(bar), xy=(end, place), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_xlim(low - (0.04 * span if low < 0 else 0.0), high + _ROOM_FOR_WORDS * span)
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
    if growth is None or max(abs(growth.low), abs(growth.high)) >= _UNKNOWN_BYTES:
        return None
    rate = growth.bytes_per_1000_calls
    return PairBar(value=rate, low=growth.low, high=growth.high, words=format_size(rate))


def _peak(before: Result, after: Result) -> PairPanel:
    bars = (_exact(before.peak_bytes, format_size), _exact(after.peak_bytes, format_size))
    unit, scale = unit_for(max(bar.value if bar else 0.0 for bar in bars))
    change = _change(bars[0].value, bars[1].value) if bars[0] and bars[1] else ""
    return PairPanel(title="peak of one call", unit=unit, scale=scale, bars=bars, change=change)


def _latency(before: Result, after: Result) -> PairPanel:
    """Return the medians. What they would be in another run is not known, so no change is claimed."""
    bars = (_exact(_p50(before), format_duration), _exact(_p50(after), format_duration))
    longest = max(bar.value if bar else 0.0 for bar in bars)
    unit, scale = next((unit for unit in _SECONDS if longest >= unit[1]), _SECONDS[-1])
    return PairPanel(title="time of one call, p50", unit=unit, scale=scale, bars=bars)


def _p50(result: Result) -> float | None:
    return None if result.latency_seconds is None else result.latency_seconds.p50


def _exact(value: float | None, words: Callable[[float], str]) -> PairBar | None:
    return None if value is None else PairBar(value=value, low=value, high=value, words=words(value))


def _words(bar: PairBar | None) -> str:
    return "not measured" if bar is None else bar.words


def _change(before: float, after: float) -> str:
    """Return a change of what is not negative, in percent; nothing where `before` was nothing."""
    if before <= 0 or after < 0:
        return ""
    if after > 10 * before:
        return f"× {after / before:,.0f}"
    return f"{100 * (after - before) / before:+,.0f} %".replace("-", "−")
