"""Worse, better or the same: a result beside what was accepted.

Worse is what is worse by more than a share *and* a size: a share alone makes much of little, a size
alone makes nothing of the growth of what is small. A growth is worse with its lower bound, and not worse
with its upper one; in between nothing is known. A peak is exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from leakcheck.analysis.gating import gated, held_to_budgets
from leakcheck.baseline import Accepted, Allowance, Change
from leakcheck.model import Gate, Meter, Result, Verdict

_WORST_FIRST = (Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One metric of a result as a baseline counts it, with its bounds."""

    value: float
    low: float
    high: float


def growth_figure(result: Result) -> Figure | None:
    """Return the growth per 1000 calls: 0 for what stands still or has a limit; None where no exact meter tells."""
    growth = result.growth
    if growth is None or result.verdict is Verdict.INCONCLUSIVE:
        return None
    if result.verdict is not Verdict.LEAK:
        return Figure(value=0.0, low=0.0, high=0.0)
    if growth.meter is not Meter.HEAP:
        return None
    return Figure(value=growth.bytes_per_1000_calls, low=growth.low, high=growth.high)


def peak_figure(result: Result) -> Figure | None:
    """Return the peak of one call; None where it was not measured."""
    peak = result.peak_bytes
    return None if peak is None else Figure(value=peak, low=peak, high=peak)


def compare(metric: str, before: float, after: Figure, allowance: Allowance) -> Change:
    """Return what became of one metric."""
    most = allowance.most(before)
    gate = Gate.WITHIN if after.high <= most else Gate.OVER if after.low > most else Gate.INCONCLUSIVE
    return Change(
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


def compared(result: Result, accepted: Accepted | None, allowance: Allowance) -> Result:
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


def _changes(result: Result, accepted: Accepted, allowance: Allowance) -> Iterator[Change]:
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
