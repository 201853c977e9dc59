"""Worse, better or the same: a result beside what was accepted.

Worse is what is worse by more than a share *and* a size: a share alone makes much of little, a size
alone makes nothing of the growth of what is small. A growth is worse with its lower bound, and not worse
with its upper one; in between nothing is known. A peak is exact.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from leakcheck.analysis.gate.verdict import gated, held_to_budgets
from leakcheck.model.baseline import BaselineChange, BaselineEntry, Tolerance
from leakcheck.model.result import Meter, Result
from leakcheck.model.verdict import Gate, Verdict

_WORST_FIRST = (Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedFigure:
    """One metric of a result as a baseline counts it, with its bounds."""

    value: float
    low: float
    high: float


def growth_figure(result: Result) -> BoundedFigure | None:
    """Return the growth per 1000 calls: 0 for what stands still or has a limit; None where no exact meter tells."""
    growth = result.growth
    if growth is None or result.verdict is Verdict.INCONCLUSIVE:
        return None
    if result.verdict is not Verdict.LEAK:
        return BoundedFigure(value=0.0, low=0.0, high=0.0)
    if growth.meter is not Meter.HEAP:
        return None
    return BoundedFigure(value=growth.bytes_per_1000_calls, low=growth.low, high=growth.high)


def peak_figure(result: Result) -> BoundedFigure | None:
    """Return the peak of one call; None where it was not measured."""
    peak = result.peak_bytes
    return None if peak is None else BoundedFigure(value=peak, low=peak, high=peak)


def compare(metric: str, before: float, after: BoundedFigure, allowance: Tolerance) -> BaselineChange:
    """Return what became of one metric."""
    most = allowance.most(before)
    gate = Gate.WITHIN if after.high <= most else Gate.OVER if after.low > most else Gate.INCONCLUSIVE
    return BaselineChange(
        metric=metric,
        before=before,
        after=after.value,
        low=after.low,
        high=after.high,
        gate=gate,
        better=after.high < allowance.least(before),
        allowed=str(allowance),
        most=most,
    )


def compared(result: Result, accepted: BaselineEntry | None, allowance: Tolerance) -> Result:
    """Return the result held to what was accepted of it; what is new is held to its budgets alone.

    A budget that the accepted figure keeps is still to be kept, however small the change. One that the
    accepted figure breaks is excused: so a team can begin with code that leaks already.
    """
    said = held_to_budgets(result)
    if accepted is None:
        return replace(gated(result, said), is_new=True, changes=())
    changes = tuple(_changes(result, accepted, allowance))
    for change in changes:
        budget = said.get(change.metric, Gate.WITHIN)
        said[change.metric] = min(Gate.WITHIN if change.excused else budget, change.gate, key=_WORST_FIRST.index)
    if accepted.peak_bytes is not None and result.peak_trouble is not None:
        # a peak that was accepted and cannot be seen is not known to be no worse
        said["peak"] = Gate.INCONCLUSIVE
    return replace(gated(result, said), is_new=False, changes=changes)


def _changes(result: Result, accepted: BaselineEntry, allowance: Tolerance) -> Iterator[BaselineChange]:
    for metric, before, after, budget in (
        (
            "growth",
            accepted.growth_bytes_per_1000_calls,
            growth_figure(result),
            result.budget.growth_bytes_per_1000_calls,
        ),
        ("peak", accepted.peak_bytes, peak_figure(result), result.budget.peak_bytes),
    ):
        if before is not None and after is not None:
            change = compare(metric, before, after, allowance)
            excused = budget is not None and before > budget
            yield replace(change, excused=excused, reason=accepted.reason)


_WOBBLE_SHARE, _WOBBLE_BYTES = 0.005, 1024
"""Two fresh processes differ by up to a thousandth, or some hundred bytes: such a change is no change."""

_UNKEPT = "growth is not kept: only resident pages show it"
_UNKEPT_BLOCKS = "growth is not kept: there is no exact meter of bytes here"


def is_acceptable(result: Result) -> bool:
    """Tell whether a result is sure enough to be accepted: nothing failed, and each budget is kept or broken."""
    unsure = result.verdict is Verdict.INCONCLUSIVE or Gate.INCONCLUSIVE in held_to_budgets(result).values()
    return result.gate not in (Gate.ERROR, Gate.INCONCLUSIVE) and not unsure


def accept(
    result: Result, target: str, old: BaselineEntry | None, *, allowance: Tolerance, reason: str | None = None
) -> BaselineEntry:
    """Return what is accepted now: of figures that did not change the old ones, and without a word the old reason."""
    growth, peak, budget = growth_figure(result), peak_figure(result), result.budget
    same_verdict = old is not None and old.verdict is result.verdict
    old_growth = old.growth_bytes_per_1000_calls if old is not None and same_verdict else None
    old_peak = None if old is None else old.peak_bytes
    kept_reason = "" if old is None else old.reason
    return BaselineEntry(
        verdict=result.verdict,
        target=target,
        growth_bytes_per_1000_calls=None
        if growth is None
        else _settled("growth", old_growth, growth, budget.growth_bytes_per_1000_calls, allowance),
        # what was not looked at has not changed
        peak_bytes=old_peak if peak is None else _settled("peak", old_peak, peak, budget.peak_bytes, allowance),
        reason=kept_reason if reason is None else reason,
        note="" if growth is not None else _unkept(result),
    )


def _settled(metric: str, old: int | None, new: BoundedFigure, budget: float | None, allowance: Tolerance) -> int:
    """Return the figure to write: the old one where the new one only wobbles, and would pass beside it."""
    written = math.ceil(new.value)  # not below what is over a budget
    if old is None:
        return written
    doubt = max(new.high - new.value, new.value - new.low)
    wobbles = abs(new.value - old) <= max(doubt, _WOBBLE_BYTES, _WOBBLE_SHARE * old)
    same_side = budget is None or (old > budget) == (written > budget)
    passes = compare(metric, old, new, allowance).gate is Gate.WITHIN
    return old if wobbles and same_side and passes else written


def _unkept(result: Result) -> str:
    return _UNKEPT if result.growth is not None and result.growth.meter is Meter.RSS else _UNKEPT_BLOCKS
