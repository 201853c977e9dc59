"""Comparison of a scenario's results before and after a change.

Growth and peak are exact within their bounds, so the bounds of a difference follow by interval arithmetic, without
assuming a distribution. Timings are compared as ratios. Error rates and crashes have no tolerance: their bounds decide.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean, stdev

from leakcheck.analysis.gate.baseline import comparable_growth, peak_figure
from leakcheck.analysis.gate.verdict import peak_has_died
from leakcheck.analysis.quantiles import poisson_mean, student
from leakcheck.model.comparison import Metric, MetricComparison, ScenarioComparison
from leakcheck.model.result import Result
from leakcheck.model.tolerance import ChangeVerdict, Figure, Tolerance
from leakcheck.model.verdict import Verdict

_FEWEST_ROUNDS = 3
_NO_VERDICT = "the verdict of a side is inconclusive; set LEAKCHECK_TIME, or time in pyproject.toml, higher"
_BOUNDED = "growth that has a limit counts as none"
_SHORTEST_SECONDS = 20e-6

ReadFigure = Callable[[Result], Figure | None]
Rounds = Sequence[Result]
"""The results of one side, at least one."""


def compare_results(
    scenario: str, before: Rounds, after: Rounds, tolerance: Tolerance, *, side_by_side: bool
) -> ScenarioComparison:
    """Return the comparison of one scenario.

    `side_by_side` means that the sides were measured in turn within one run; only then latencies are compared.
    """
    rows = tuple(_row(metric, before, after, tolerance, side_by_side) for metric in Metric)
    return ScenarioComparison(
        scenario=scenario, before=before[0].id, after=after[0].id, rows=rows, rounds=min(len(before), len(after))
    )


def _growth(result: Result) -> Figure | None:
    return None if result.growth is None else result.growth.figure


def _comparable_growth(result: Result) -> Figure | None:
    return None if result.growth is None else comparable_growth(result.verdict, result.growth.figure)


def _percentile(name: str, result: Result) -> Figure | None:
    """Return the latency `p50` or `p95`; None where it was not measured, or without bounds, which older files lack."""
    value, low, high = (getattr(result.latency_seconds, f"{name}{end}", None) for end in ("", "_low", "_high"))
    return None if value is None or low is None or high is None else Figure(value=value, low=low, high=high)


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
    Metric.P50: partial(_percentile, "p50"),
    Metric.P95: partial(_percentile, "p95"),
    Metric.PEAK: peak_figure,
    Metric.GROWTH: _growth,
    Metric.CRASHES: _crashes,
}
_TIMINGS = (Metric.P50, Metric.P95)
_LIMIT_METRICS = (Metric.ERROR_RATE, Metric.CRASHES)


def _row(metric: Metric, before: Rounds, after: Rounds, tolerance: Tolerance, side_by_side: bool) -> MetricComparison:
    read = _READ[metric]
    old, new = _pooled(before, read), _pooled(after, read)
    tolerance = _tolerance_for(metric, tolerance)
    row = MetricComparison(metric=metric, before=old, after=new, change=None, verdict=None, tolerance=tolerance)
    if old is None or new is None:
        failed = "before" if old is None and _has_failed(before, metric) else ""
        failed = "after" if new is None and _has_failed(after, metric) else failed
        # a peak that could not be measured again, also for want of memray, may be worse
        is_lost = metric is Metric.PEAK and old is not None and any(each.failure or each.peak_failure for each in after)
        why = f"not measured: it failed {failed}" if failed else _why_missing(metric)
        return replace(row, verdict=ChangeVerdict.INCONCLUSIVE if is_lost else None, note=why)
    if metric in _TIMINGS:
        rounds = [
            (first.value, second.value)
            for first, second in zip(map(read, before), map(read, after), strict=False)
            if first is not None and second is not None and first.value > 0
        ]
        note = _why_no_ratio(old, new, len(rounds), side_by_side)
        if note:
            return replace(row, note=note)
        ratio = _ratio(old, new, rounds)
        return replace(row, change=ratio, verdict=tolerance.compare(Figure.exact(1.0), ratio))
    row = replace(row, change=Figure(value=new.value - old.value, low=new.low - old.high, high=new.high - old.low))
    if metric is Metric.GROWTH:
        return _growth_row(row, before, after)
    return replace(row, verdict=tolerance.compare(old, new))


def _tolerance_for(metric: Metric, tolerance: Tolerance) -> Tolerance:
    """Return the tolerance: its share alone for a timing, which has no bytes; none for what has no size to ignore."""
    if metric in _LIMIT_METRICS:
        return Tolerance(share=0.0, bytes=0.0)
    return replace(tolerance, bytes=0.0) if metric in _TIMINGS else tolerance


def _growth_row(row: MetricComparison, before: Rounds, after: Rounds) -> MetricComparison:
    """Return the row with its verdict, by the same figures as `check`: growth that has a limit is none."""
    verdicts = {result.verdict for result in (*before, *after) if result.growth is not None}
    if Verdict.INCONCLUSIVE in verdicts:
        return replace(row, verdict=ChangeVerdict.INCONCLUSIVE, note=_NO_VERDICT)
    old, new = _pooled(before, _comparable_growth), _pooled(after, _comparable_growth)
    assert old is not None
    assert new is not None
    note = _BOUNDED if Verdict.BOUNDED in verdicts else ""
    return replace(row, verdict=row.tolerance.compare(old, new), note=note)


def _why_no_ratio(before: Figure, after: Figure, rounds: int, side_by_side: bool) -> str:
    """Return why no change of a timing can be claimed; "" where it can."""
    if not side_by_side:
        return "measured at different times: timings are compared only side by side"
    if min(before.low, after.low) < _SHORTEST_SECONDS:
        return "calls of less than 20 µs are timed now and then, and too coarsely to compare"
    if rounds < _FEWEST_ROUNDS:
        return "timings of fewer than three rounds differ by chance; measure with `leakcheck compare TARGET`"
    return ""


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


def _pooled(results: Rounds, read: ReadFigure) -> Figure | None:
    """Return the lower median of the rounds, with the lowest and the highest bound of any round."""
    figures = sorted(filter(None, map(read, results)), key=lambda figure: figure.value)
    if not figures:
        return None
    low, high = min(figure.low for figure in figures), max(figure.high for figure in figures)
    return Figure(value=figures[(len(figures) - 1) // 2].value, low=low, high=high)


def _has_failed(results: Rounds, metric: Metric) -> bool:
    if metric in _LIMIT_METRICS:
        return False
    return any(result.failure or (metric is Metric.PEAK and peak_has_died(result)) for result in results)


def _why_missing(metric: Metric) -> str:
    return {
        **dict.fromkeys(_LIMIT_METRICS, "not measured: `leakcheck limit` serves it under a memory limit"),
        Metric.P95: "not measured: fewer than 100 calls were timed",
        Metric.PEAK: "not measured: there was no peak pass",
    }.get(metric, "not measured")
