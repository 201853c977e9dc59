"""Comparison of a scenario's results before and after a change.

Growth and peak are exact within their bounds, so the bounds of a difference follow by interval arithmetic, without
assuming a distribution. Timings are compared as ratios, and only where both sides were measured in turn on one
machine.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from leakcheck.analysis.quantiles import poisson_mean, student
from leakcheck.model.comparison import ChangeVerdict, Figure, Metric, MetricComparison, ScenarioComparison
from leakcheck.model.result import Result
from leakcheck.model.units import CALLS_PER_RATE

_LEAST_BYTES = {Metric.GROWTH: 4.0 * CALLS_PER_RATE, Metric.PEAK: 4096.0}
"""Half a list slot per call, and one page: paths and names of another length alone make smaller differences."""

_LEAST_PEAK_SHARE, _LEAST_LATENCY_SHARE = 0.01, 0.05
_NEEDS_LIMIT_RUN = "not measured: `leakcheck limit` serves it under a memory limit"
_AT_OTHER_TIMES = "measured at different times: timings are compared only side by side"
_TOO_FEW_ROUNDS = "timings of fewer than three rounds differ by chance; measure with `leakcheck compare TARGET`"
_FEWEST_ROUNDS = 3
_SHORTEST_SECONDS = 20e-6
_TOO_SHORT = "calls of less than 20 µs are timed now and then, and too coarsely to compare"

ReadFigure = Callable[[Result], Figure | None]


def compare_results(
    scenario: str, before: Sequence[Result], after: Sequence[Result], *, side_by_side: bool
) -> ScenarioComparison:
    """Return the comparison of one scenario; each side is the results of its rounds, at least one.

    `side_by_side` means that the sides were measured in turn within one run; without it no change of a latency is
    claimed.
    """
    failed = _failure_of(before, "before") or _failure_of(after, "after")
    rows = tuple(_row(metric, read, before, after, failed, side_by_side) for metric, read in _READ.items())
    return ScenarioComparison(
        scenario=scenario, before=before[0].id, after=after[0].id, rows=rows, rounds=min(len(before), len(after))
    )


def _growth(result: Result) -> Figure | None:
    growth = result.growth
    if growth is None:
        return None
    return Figure(value=growth.bytes_per_1000_calls, low=growth.low, high=growth.high)


def _peak(result: Result) -> Figure | None:
    peak = result.peak_bytes
    return None if peak is None else Figure(value=peak, low=peak, high=peak)


def _p50(result: Result) -> Figure | None:
    latency = result.latency_seconds
    return None if latency is None else _bounded(latency.p50, latency.p50_low, latency.p50_high)


def _p95(result: Result) -> Figure | None:
    latency = result.latency_seconds
    return None if latency is None else _bounded(latency.p95, latency.p95_low, latency.p95_high)


def _bounded(value: float | None, low: float | None, high: float | None) -> Figure | None:
    """Return a figure; None without bounds, which older run files lack."""
    if value is None or low is None or high is None:
        return None
    return Figure(value=value, low=low, high=high)


def _error_rate(result: Result) -> Figure | None:
    rate = None if result.memory_limit is None else result.memory_limit.error_rate
    return None if rate is None else Figure(value=rate.value, low=rate.low, high=rate.high)


def _crashes(result: Result) -> Figure | None:
    """Return the number of crashes with the exact interval of a Poisson count (Garwood, Biometrika 28, 1936)."""
    if result.memory_limit is None:
        return None
    count = result.memory_limit.crashes
    low = poisson_mean(count, 0.025) if count else 0.0
    return Figure(value=count, low=low, high=poisson_mean(count + 1, 0.975))


_READ: dict[Metric, ReadFigure] = {
    Metric.ERROR_RATE: _error_rate,
    Metric.P50: _p50,
    Metric.P95: _p95,
    Metric.PEAK: _peak,
    Metric.GROWTH: _growth,
    Metric.CRASHES: _crashes,
}
_TIMINGS = (Metric.P50, Metric.P95)
_LIMIT_METRICS = (Metric.ERROR_RATE, Metric.CRASHES)


def _row(
    metric: Metric,
    read: ReadFigure,
    before: Sequence[Result],
    after: Sequence[Result],
    failed: str,
    side_by_side: bool,
) -> MetricComparison:
    old, new = _pooled(before, read), _pooled(after, read)
    if old is None or new is None:
        return MetricComparison(
            metric=metric,
            before=old,
            after=new,
            change=None,
            answer=ChangeVerdict.UNKNOWN,
            note=_NEEDS_LIMIT_RUN if metric in _LIMIT_METRICS else failed or _why_missing(metric),
        )
    if metric not in _TIMINGS:
        change = Figure(value=new.value - old.value, low=new.low - old.high, high=new.high - old.low)
        return MetricComparison(
            metric=metric, before=old, after=new, change=change, answer=_answer(change, _least_change(metric, old))
        )
    rounds = [
        (first.value, second.value)
        for first, second in zip(map(read, before), map(read, after), strict=False)
        if first is not None and second is not None and first.value > 0
    ]
    note = _why_no_ratio(old, new, len(rounds), side_by_side)
    if note:
        return MetricComparison(metric=metric, before=old, after=new, change=None, answer=ChangeVerdict.SAME, note=note)
    ratio = _ratio(old, new, rounds)
    share = Figure(value=ratio.value - 1, low=ratio.low - 1, high=ratio.high - 1)
    return MetricComparison(
        metric=metric, before=old, after=new, change=ratio, answer=_answer(share, _LEAST_LATENCY_SHARE)
    )


def _why_no_ratio(before: Figure, after: Figure, rounds: int, side_by_side: bool) -> str:
    """Return why no change of a timing can be claimed; "" where it can."""
    if not side_by_side:
        return _AT_OTHER_TIMES
    if min(before.low, after.low) < _SHORTEST_SECONDS:
        return _TOO_SHORT
    return _TOO_FEW_ROUNDS if rounds < _FEWEST_ROUNDS else ""


def _ratio(before: Figure, after: Figure, rounds: Sequence[tuple[float, float]]) -> Figure:
    """Return after / before, with the wider of two intervals: that of the calls, and that of the rounds.

    Calls within one process vary less than processes do. So the ratios of the rounds, which were measured in turn,
    have an interval of their own: Student's, 95 %, of their logarithms.
    """
    logs = [math.log(new / old) for old, new in rounds]
    middle, count = fmean(logs), len(logs)
    doubt = student(count - 1, 0.975) * stdev(logs) / math.sqrt(count)
    return Figure(
        value=math.exp(middle),
        low=min(after.low / before.high, math.exp(middle - doubt)),
        high=max(after.high / before.low, math.exp(middle + doubt)),
    )


def _pooled(results: Sequence[Result], read: ReadFigure) -> Figure | None:
    """Return the lower median of the rounds, with the lowest and the highest bound of any round."""
    figures = sorted(filter(None, map(read, results)), key=lambda figure: figure.value)
    if not figures:
        return None
    low, high = min(figure.low for figure in figures), max(figure.high for figure in figures)
    return Figure(value=figures[(len(figures) - 1) // 2].value, low=low, high=high)


def _answer(change: Figure, least: float) -> ChangeVerdict:
    if change.low > 0 and change.value >= least:
        return ChangeVerdict.WORSE
    if change.high < 0 and -change.value >= least:
        return ChangeVerdict.BETTER
    return ChangeVerdict.SAME


def _least_change(metric: Metric, before: Figure) -> float:
    share = _LEAST_PEAK_SHARE if metric is Metric.PEAK else 0.0
    return max(_LEAST_BYTES.get(metric, 0.0), share * before.value)


def _why_missing(metric: Metric) -> str:
    return {
        Metric.P95: "not measured: fewer than 100 calls were timed",
        Metric.PEAK: "not measured: there was no peak pass",
    }.get(metric, "not measured")


def _failure_of(results: Sequence[Result], side: str) -> str:
    failure = next((result.failure for result in results if result.failure is not None), None)
    return "" if failure is None else f"{side}: {failure.kind}: {failure.message}"
