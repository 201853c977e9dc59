"""What one call costs: a bar for each peak, and a strip for each latency, all beginning at zero."""

from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.result import Latency, Result
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.charts.axis import Axis, bytes_axis, seconds_axis

_DECILES = 11
_ROOM_BEHIND = 1.04
_MOST_BUDGET = 4.0
"""A budget this many times the highest peak is said, and not drawn: all bars would be slivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The peak of one variant; places are shares of the width."""

    result: Result
    words: str
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
    """The latencies of one variant; places are shares of the width."""

    result: Result
    words: str
    bands: tuple[tuple[float, float], ...]
    """From the decile to its counterpart, the widest first: the darker the more calls."""
    dots: tuple[float, ...]
    """Single calls, where there were few."""
    median: float
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strips:
    """The latencies of a scenario's variants."""

    axis: Axis
    rows: tuple[Strip, ...]


def bars_of(results: Sequence[Result]) -> Bars | None:
    """Return the peaks as bars from zero; None where none was measured."""
    peaks = [(one, one.peak_bytes) for one in results if one.peak_bytes is not None]
    if not peaks:
        return None
    highest = max(*(peak for _, peak in peaks), 1)
    budgets = [one.budget.peak_bytes for one, _ in peaks if one.budget.peak_bytes is not None]
    drawn = [budget for budget in budgets if budget <= _MOST_BUDGET * highest]
    axis = bytes_axis(0.0, _ROOM_BEHIND * max([highest, *drawn]))
    rows = [
        Bar(
            result=one,
            words=format_size(peak),
            length=axis.at(peak),
            budget=None if one.budget.peak_bytes not in drawn else axis.at(one.budget.peak_bytes or 0),
            is_over="peak" in one.failures,
        )
        for one, peak in peaks
    ]
    return Bars(axis=axis, rows=tuple(rows))


def strips_of(results: Sequence[Result]) -> Strips | None:
    """Return the latencies as strips from zero; None where none was measured."""
    seen = [(one, one.latency_seconds) for one in results if one.latency_seconds is not None]
    if not seen:
        return None
    axis = seconds_axis(_ROOM_BEHIND * max(_slowest_drawn(latency) for _, latency in seen))
    return Strips(axis=axis, rows=tuple(_strip(one, latency, axis) for one, latency in seen))


def _slowest_drawn(latency: Latency) -> float:
    """Return the time that must fit: one call of a thousand would push all others to the left."""
    shown = latency.spread[-2] if len(latency.spread) == _DECILES else max(latency.spread, default=0.0)
    return max(latency.p50, latency.p95 or 0.0, shown, 1e-9)


def _strip(result: Result, latency: Latency, axis: Axis) -> Strip:
    spread = latency.spread if len(latency.spread) == _DECILES else ()
    bands = tuple((axis.at(spread[at]), axis.at(spread[-1 - at])) for at in range(1, len(spread) // 2))
    said = [format_duration(latency.p50)]
    if latency.p95 is not None:
        said.append(f"p95 {format_duration(latency.p95)}")
    said.append(f"{latency.samples:,} call{'s' if latency.samples != 1 else ''}")
    return Strip(
        result=result,
        words=", ".join(said),
        bands=tuple((low, max(high, low)) for low, high in bands),
        dots=() if spread else tuple(axis.at(one) for one in latency.spread),
        median=axis.at(latency.p50),
        p95=None if latency.p95 is None else axis.at(latency.p95),
    )
