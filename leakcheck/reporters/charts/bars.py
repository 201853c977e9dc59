"""The cost of one call: a bar for each peak and a strip for each latency, from zero."""

from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.result import Latency, Result
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.charts.axis import Axis, bytes_axis, finite, seconds_axis
from leakcheck.reporters.charts.labels import OVER, WITHIN, left_out

_MOST_BARS = 20
_DECILES = 11
_AXIS_MARGIN = 1.04
_LARGEST_BUDGET = 4.0
"""A budget more than this many times the highest peak is not drawn: all bars would be slivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakBar:
    """The peak of one result, in bytes."""

    name: str
    label: str
    role: str
    peak: float
    budget: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakChart:
    """The peaks of a scenario's variants, or of a run, the highest first."""

    title: str = "Peak"
    subject: str
    """The scenario; "" for several."""
    axis: Axis
    bars: tuple[PeakBar, ...]
    note: str
    """The legend, and what is left out."""

    @property
    def description(self) -> str:
        """The chart in words."""
        return f"{self.axis.title}. {'; '.join(f'{bar.name}: {bar.label}' for bar in self.bars)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyStrip:
    """The latencies of one result, in seconds."""

    name: str
    label: str
    bands: tuple[tuple[float, float], ...]
    """From a decile to its counterpart, the widest first: they overlap, and are darker where more calls are."""
    calls: tuple[float, ...]
    """The single calls, where there were fewer than the deciles need."""
    median: float
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyChart:
    """The latencies of a scenario's variants."""

    title: str = "Latency"
    axis: Axis
    strips: tuple[LatencyStrip, ...]
    note: str


def peak_chart(results: Sequence[Result]) -> PeakChart | None:
    """Return the peaks as bars from zero; None where none was measured."""
    peaks = [(result, result.peak_bytes) for result in results if result.peak_bytes is not None]
    if not peaks:
        return None
    peaks.sort(key=lambda pair: -pair[1])
    drawn = peaks[:_MOST_BARS]
    highest = max(drawn[0][1], 1)
    budgets = {result.budget.peak_bytes for result, _ in drawn} - {None}
    shown = [budget for budget in budgets if budget is not None and budget <= _LARGEST_BUDGET * highest]
    is_one_scenario = len({(result.target, result.scenario) for result, _ in drawn}) == 1
    bars = [
        PeakBar(
            name=(result.variant or result.scenario) if is_one_scenario else result.id,
            label=format_size(peak),
            role=OVER if "peak" in result.over_budget else WITHIN,
            peak=finite(peak),
            budget=result.budget.peak_bytes if result.budget.peak_bytes in shown else None,
        )
        for result, peak in drawn
    ]
    legend = f"Dotted: the budget{f' of {format_size(shown[0])}' if len(shown) == 1 else 's'}." if shown else ""
    beyond = "Budgets far beyond the peaks are not drawn." if len(shown) < len(budgets) else ""
    unmeasured = left_out(len(drawn), len(peaks), len(results), drawn_first="highest", missing="a peak")
    return PeakChart(
        subject=drawn[0][0].scenario if is_one_scenario else "",
        axis=bytes_axis("peak memory of one call", 0.0, _AXIS_MARGIN * max([highest, *shown])),
        bars=tuple(bars),
        note=" ".join(filter(None, [legend, beyond, unmeasured])),
    )


def latency_chart(results: Sequence[Result]) -> LatencyChart | None:
    """Return the latencies as strips from zero; None where none was measured."""
    latencies = [(result, result.latency_seconds) for result in results if result.latency_seconds is not None]
    if not latencies:
        return None
    slowest = max(_slowest_drawn(latency) for _, latency in latencies)
    return LatencyChart(
        axis=seconds_axis("time of one call", 0.0, _AXIS_MARGIN * slowest),
        strips=tuple(_strip(result, latency) for result, latency in latencies),
        note="The median is marked; a strip is darker where more calls lie.",
    )


def _slowest_drawn(latency: Latency) -> float:
    # without the slowest tenth: one call of a thousand would push all others to the left
    slowest = latency.spread[-2] if len(latency.spread) == _DECILES else max(latency.spread, default=0.0)
    return max(latency.p50, latency.p95 or 0.0, slowest, 1e-9)


def _strip(result: Result, latency: Latency) -> LatencyStrip:
    spread = latency.spread if len(latency.spread) == _DECILES else ()
    bands = [(spread[n], max(spread[n], spread[-1 - n])) for n in range(1, len(spread) // 2)]
    parts = [format_duration(latency.p50)]
    if latency.p95 is not None:
        parts.append(f"p95 {format_duration(latency.p95)}")
    parts.append(f"{latency.samples:,} call{'s' if latency.samples != 1 else ''}")
    return LatencyStrip(
        name=result.variant or result.scenario,
        label=", ".join(parts),
        bands=tuple(bands),
        calls=() if spread else latency.spread,
        median=latency.p50,
        p95=latency.p95,
    )
