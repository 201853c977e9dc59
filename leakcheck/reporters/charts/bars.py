"""The cost of one call: a bar for each peak and a strip for each latency, from zero."""

from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.result import Latency, Result
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.charts.axis import Axis, bytes_axis, seconds_axis

_DECILES = 11
_AXIS_MARGIN = 1.04
_LARGEST_BUDGET = 4.0
"""A budget more than this many times the highest peak is not drawn: all bars would be slivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The peak of one variant; positions are shares of the width."""

    result: Result
    text: str
    length: float
    budget: float | None
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The peaks of a scenario's variants."""

    axis: Axis
    rows: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The latencies of one variant; positions are shares of the width."""

    result: Result
    text: str
    bands: tuple[tuple[float, float], ...]
    """From a decile to its counterpart, the widest first: they overlap, and are darker where more calls are."""
    dots: tuple[float, ...]
    """The single calls, where there were fewer than the deciles need."""
    median: float
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strips:
    """The latencies of a scenario's variants."""

    axis: Axis
    rows: tuple[Strip, ...]


def bars_of(results: Sequence[Result]) -> Bars | None:
    """Return the peaks as bars from zero; None where none was measured."""
    peaks = [(result, result.peak_bytes) for result in results if result.peak_bytes is not None]
    if not peaks:
        return None
    highest = max(*(peak for _, peak in peaks), 1)
    budgets = [result.budget.peak_bytes for result, _ in peaks if result.budget.peak_bytes is not None]
    drawn = [budget for budget in budgets if budget <= _LARGEST_BUDGET * highest]
    axis = bytes_axis(0.0, _AXIS_MARGIN * max([highest, *drawn]))
    rows = [
        Bar(
            result=result,
            text=format_size(peak),
            length=axis.position(peak),
            budget=None if result.budget.peak_bytes not in drawn else axis.position(result.budget.peak_bytes or 0),
            is_over="peak" in result.over_budget,
        )
        for result, peak in peaks
    ]
    return Bars(axis=axis, rows=tuple(rows))


def strips_of(results: Sequence[Result]) -> Strips | None:
    """Return the latencies as strips from zero; None where none was measured."""
    latencies = [(result, result.latency_seconds) for result in results if result.latency_seconds is not None]
    if not latencies:
        return None
    axis = seconds_axis(_AXIS_MARGIN * max(_slowest_drawn(latency) for _, latency in latencies))
    return Strips(axis=axis, rows=tuple(_strip(result, latency, axis) for result, latency in latencies))


def _slowest_drawn(latency: Latency) -> float:
    # without the slowest tenth: one call of a thousand would push all others to the left
    slowest = latency.spread[-2] if len(latency.spread) == _DECILES else max(latency.spread, default=0.0)
    return max(latency.p50, latency.p95 or 0.0, slowest, 1e-9)


def _strip(result: Result, latency: Latency, axis: Axis) -> Strip:
    spread = latency.spread if len(latency.spread) == _DECILES else ()
    bands = [(axis.position(spread[n]), axis.position(spread[-1 - n])) for n in range(1, len(spread) // 2)]
    parts = [format_duration(latency.p50)]
    if latency.p95 is not None:
        parts.append(f"p95 {format_duration(latency.p95)}")
    parts.append(f"{latency.samples:,} call{'s' if latency.samples != 1 else ''}")
    return Strip(
        result=result,
        text=", ".join(parts),
        bands=tuple((low, max(high, low)) for low, high in bands),
        dots=() if spread else tuple(map(axis.position, latency.spread)),
        median=axis.position(latency.p50),
        p95=None if latency.p95 is None else axis.position(latency.p95),
    )
