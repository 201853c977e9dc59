"""Comparison of a result with its baseline entry, and the entry that accepting a result writes."""

import math
from collections.abc import Iterator
from dataclasses import replace

from leakcheck.analysis.gate.verdict import budget_gates, with_gate
from leakcheck.model.baseline import BaselineChange, BaselineEntry
from leakcheck.model.result import Meter, Result
from leakcheck.model.tolerance import NOISE, ChangeVerdict, Figure, Tolerance
from leakcheck.model.verdict import Gate, Verdict

_GATES = {ChangeVerdict.WORSE: Gate.OVER, ChangeVerdict.INCONCLUSIVE: Gate.INCONCLUSIVE}
"""All other changes are within."""

_WORST_FIRST = (Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)


def comparable_growth(verdict: Verdict, growth: Figure) -> Figure | None:
    """Return the growth per 1000 calls that a verdict stands for: 0 for clean and bounded, None for inconclusive."""
    if verdict is Verdict.INCONCLUSIVE:
        return None  # the figure of a rise that is not clear yet does not predict the next 1000 calls
    return growth if verdict is Verdict.LEAK else Figure.exact(0.0)


def exact_growth(verdict: Verdict, growth: Figure, meter: str | None) -> Figure | None:
    """Return the same, but None for a leak that no exact meter measured: pages differ from machine to machine."""
    return None if verdict is Verdict.LEAK and meter != Meter.HEAP else comparable_growth(verdict, growth)


def growth_figure(result: Result) -> Figure | None:
    """Return the growth per 1000 calls: 0 for a clean or bounded result, None where no exact meter measured it."""
    growth = result.growth
    return None if growth is None else exact_growth(result.verdict, growth.figure, growth.meter)


def peak_figure(result: Result) -> Figure | None:
    """Return the peak of one call; None if it was not measured."""
    return None if result.peak_bytes is None else Figure.exact(result.peak_bytes)


def compare(metric: str, before: float, after: Figure, tolerance: Tolerance) -> BaselineChange:
    """Return the change of one metric from its accepted value."""
    verdict = tolerance.compare(Figure.exact(before), after)
    return BaselineChange(
        metric=metric,
        before=before,
        after=after.value,
        low=after.low,
        high=after.high,
        gate=_GATES.get(verdict, Gate.WITHIN),
        better=verdict is ChangeVerdict.BETTER,
        tolerance=str(tolerance),
        most=tolerance.upper_limit(before),
        verdict=verdict,
    )


def compare_with_baseline(result: Result, accepted: BaselineEntry | None, tolerance: Tolerance) -> Result:
    """Return the result compared with its baseline entry; a new result is checked against its budgets alone.

    A budget that the accepted figure keeps still applies, however small the change. A budget that the accepted figure
    breaks is excused, so that a team can adopt leakcheck with code that already leaks.
    """
    gates = budget_gates(result)
    if accepted is None:
        return replace(with_gate(result, gates), is_new=True, baseline_changes=())
    changes = tuple(_changes(result, accepted, tolerance))
    for change in changes:
        budget = gates.get(change.metric, Gate.WITHIN)
        gates[change.metric] = min(Gate.WITHIN if change.is_excused else budget, change.gate, key=_WORST_FIRST.index)
    if accepted.peak_bytes is not None and result.peak_failure is not None:
        # an accepted peak that could not be measured may be worse
        gates["peak"] = Gate.INCONCLUSIVE
    return replace(with_gate(result, gates), is_new=False, baseline_changes=changes)


def _changes(result: Result, accepted: BaselineEntry, tolerance: Tolerance) -> Iterator[BaselineChange]:
    growth_budget, peak_budget = result.budget.growth_bytes_per_1000_calls, result.budget.peak_bytes
    for metric, before, after, budget in (
        ("growth", accepted.growth_bytes_per_1000_calls, growth_figure(result), growth_budget),
        ("peak", accepted.peak_bytes, peak_figure(result), peak_budget),
    ):
        if before is not None and after is not None:
            change = compare(metric, before, after, tolerance)
            excused = budget is not None and before > budget
            yield replace(change, is_excused=excused, reason=accepted.reason)


def is_acceptable(result: Result) -> bool:
    """Return whether a result may be accepted: nothing failed, and each budget is clearly kept or broken."""
    unsure = result.verdict is Verdict.INCONCLUSIVE or Gate.INCONCLUSIVE in budget_gates(result).values()
    return result.gate not in (Gate.ERROR, Gate.INCONCLUSIVE) and not unsure


def accept(
    result: Result, target: str, old: BaselineEntry | None, *, allowance: Tolerance, reason: str | None = None
) -> BaselineEntry:
    """Return the new baseline entry; unchanged figures keep their old value, and so does the reason."""
    growth, peak, budget = growth_figure(result), peak_figure(result), result.budget
    same_verdict = old is not None and old.verdict is result.verdict
    old_growth = old.growth_bytes_per_1000_calls if old is not None and same_verdict else None
    old_peak = None if old is None else old.peak_bytes
    old_reason = "" if old is None else old.reason
    return BaselineEntry(
        verdict=result.verdict,
        target=target,
        growth_bytes_per_1000_calls=None
        if growth is None
        else _figure_to_write("growth", old_growth, growth, budget.growth_bytes_per_1000_calls, allowance),
        peak_bytes=old_peak if peak is None else _figure_to_write("peak", old_peak, peak, budget.peak_bytes, allowance),
        reason=old_reason if reason is None else reason,
        note="" if growth is not None else _why_no_growth(result),
    )


def _figure_to_write(metric: str, old: int | None, new: Figure, budget: float | None, tolerance: Tolerance) -> int:
    """Return the old figure if the new one differs only by noise and passes beside it; else the new one."""
    rounded = math.ceil(new.value)  # rounding down could move a figure below its budget
    if old is None:
        return rounded
    is_noise = abs(new.value - old) <= new.margin or not NOISE.is_exceeded(old, new.value)
    same_side = budget is None or (old > budget) == (rounded > budget)
    passes = compare(metric, old, new, tolerance).gate is Gate.WITHIN
    return old if is_noise and same_side and passes else rounded


def _why_no_growth(result: Result) -> str:
    if result.growth is not None and result.growth.meter is Meter.RSS:
        return "growth is not kept: only resident pages show it"
    return "growth is not kept: there is no exact meter of bytes here"
