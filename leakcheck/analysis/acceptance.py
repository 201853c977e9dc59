"""What an update writes: figures that changed, and the old ones where only the measurement wobbles."""

import math

from leakcheck.analysis.comparison import Figure, compare, growth_figure, peak_figure
from leakcheck.analysis.gating import held_to_budgets
from leakcheck.baseline import Accepted, Allowance
from leakcheck.model import Gate, Meter, Result, Verdict

_WOBBLE_SHARE, _WOBBLE_BYTES = 0.005, 1024
"""Two fresh processes differ by up to a thousandth, or some hundred bytes: such a change is no change."""

_UNKEPT = "growth is not kept: only resident pages show it"
_UNKEPT_BLOCKS = "growth is not kept: there is no exact meter of bytes here"


def is_acceptable(result: Result) -> bool:
    """Tell whether a result is sure enough to be accepted: nothing failed, and each budget is kept or broken."""
    unsure = result.verdict is Verdict.INCONCLUSIVE or Gate.INCONCLUSIVE in held_to_budgets(result).values()
    return result.gate not in (Gate.ERROR, Gate.INCONCLUSIVE) and not unsure


def accept(
    result: Result, target: str, old: Accepted | None, *, allowance: Allowance, reason: str | None = None
) -> Accepted:
    """Return what is accepted now: of figures that did not change the old ones, and without a word the old reason."""
    growth, peak, budget = growth_figure(result), peak_figure(result), result.budget
    same_verdict = old is not None and old.verdict is result.verdict
    old_growth = old.growth_bytes_per_1000_calls if old is not None and same_verdict else None
    old_peak = None if old is None else old.peak_bytes
    kept_reason = "" if old is None else old.reason
    return Accepted(
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


def _settled(metric: str, old: int | None, new: Figure, budget: float | None, allowance: Allowance) -> int:
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
