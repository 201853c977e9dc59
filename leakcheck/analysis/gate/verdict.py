"""The verdict (what the code does) and the gate (what the team allows)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from leakcheck.analysis.growth.resources import gate_resources
from leakcheck.analysis.growth.shape import FEWEST_CALLS, Shape, rising_calls
from leakcheck.model.answers import BoundedContainer
from leakcheck.model.result import Budget, Growth, Result
from leakcheck.model.verdict import Gate, Verdict

_WIDEST_CLEAN_BYTES_PER_1000_CALLS = 32_000
"""A standstill that is known less closely than to 32 bytes per call, one small object, is not called clean."""

_MOST_TIMES_AS_MANY = 100.0
"""Bounds that are wider still say nothing of how many calls it takes."""

_EXPLAINED, _EXPLAINED_AT_LEAST = 0.9, 0.8
"""Shares of the growth that a container with a limit must account for, to be its whole cause: of what the growth
surely is, and of its point figure."""

_FILLED_ALL_ALONG = 0.5
"""Share of what it would hold, had it filled at its present rate from the first call on. One that is
emptied every thousand calls rises steeply in between, and explains nothing of what stays."""

_LIMIT_OUT_OF_REACH_CALLS, _LIMIT_OUT_OF_REACH_BYTES = 1_000_000, 1024**3
"""A limit that is further away than both is none: `deque(maxlen=10**9)`."""


def holder_with_limit(growth: Growth, limited: Sequence[BoundedContainer]) -> BoundedContainer | None:
    """Return the container whose filling is the growth; None where what is left over could leak.

    Several may fill at once: then the one that fills last is returned, when together they explain it. Only what
    gained entries in the calls that were replayed to find out is among them: what is full already explains nothing.
    """
    filling = [found for found in limited if found.bytes_per_1000_calls > 0 and _ends_it(found, growth.calls)]
    explained = sum(found.bytes_per_1000_calls for found in filling)
    needed = max(_EXPLAINED * growth.low, _EXPLAINED_AT_LEAST * growth.bytes_per_1000_calls)
    if not filling or explained < needed:
        return None
    return max(filling, key=lambda found: found.calls_until_full)


def _ends_it(found: BoundedContainer, calls: int) -> bool:
    """Tell whether a container has been filling since the beginning, and will be full some day."""
    if found.length < _FILLED_ALL_ALONG * found.length_per_call * calls:
        return False
    full_bytes = found.limit * found.bytes_per_entry
    return found.calls_until_full <= _LIMIT_OUT_OF_REACH_CALLS or full_bytes <= _LIMIT_OUT_OF_REACH_BYTES


def judge(shape: Shape, growth: Growth, *, bounded: bool) -> Verdict:
    """Return the verdict; LEAK only for a steady rise that nothing known will end.

    CLEAN only where little could hide: under big teeth a standstill may be as wide as a leak.
    """
    if shape.flat:
        sure = growth.high - growth.low <= 2 * _WIDEST_CLEAN_BYTES_PER_1000_CALLS
        if not sure or growth.calls < FEWEST_CALLS:
            return Verdict.INCONCLUSIVE
        return Verdict.BOUNDED if bounded else Verdict.CLEAN
    if bounded:
        return Verdict.BOUNDED
    return Verdict.LEAK if shape.rising else Verdict.INCONCLUSIVE


def calls_for_a_verdict(shape: Shape, growth: Growth, seconds_per_call: float) -> int:
    """Return about how many calls it takes until there is one, where those that were replayed gave none.

    The bounds of a standstill narrow as the calls become more; a rise is believed after so many, and one that did not
    become clear by then may by twice of it.
    """
    if not shape.flat:
        return ceil(max(rising_calls(seconds_per_call), 2 * growth.calls))
    width = (growth.high - growth.low) / (2 * _WIDEST_CLEAN_BYTES_PER_1000_CALLS)
    return ceil(max(FEWEST_CALLS, growth.calls * min(width, _MOST_TIMES_AS_MANY)))


def gate(
    verdict: Verdict, growth: Growth | None, peak_bytes: int | None, budget: Budget, *, has_limit: bool = False
) -> tuple[Gate, tuple[str, ...]]:
    """Return what the budgets say together, and the names of those that are broken."""
    return together(gates(verdict, growth, peak_bytes, budget, has_limit=has_limit))


def gates(
    verdict: Verdict, growth: Growth | None, peak_bytes: int | None, budget: Budget, *, has_limit: bool = False
) -> dict[str, Gate]:
    """Return what each budget says, by its name.

    Growth is over when its lower bound is above the budget, and within when its upper bound is not.
    Growth that a known limit will end is no growth per 1000 calls: `has_limit` is within. A peak is
    exact.
    """
    said = {"growth": Gate.WITHIN if has_limit else _gate_growth(verdict, growth, budget.growth_bytes_per_1000_calls)}
    if budget.peak_bytes is not None:
        said["peak"] = _gate_peak(peak_bytes, budget.peak_bytes)
    return said


def together(said: Mapping[str, Gate]) -> tuple[Gate, tuple[str, ...]]:
    """Return the worst of what was said, and the names of what is over."""
    failures = tuple(name for name, result in said.items() if result is Gate.OVER)
    if failures:
        return Gate.OVER, failures
    return (Gate.INCONCLUSIVE if Gate.INCONCLUSIVE in said.values() else Gate.WITHIN), ()


def _gate_growth(verdict: Verdict, growth: Growth | None, budget: float) -> Gate:
    if growth is None or verdict is Verdict.INCONCLUSIVE:
        # a rise that has not been followed to its end says nothing about the next 1000 calls
        return Gate.INCONCLUSIVE
    if growth.high <= budget:
        return Gate.WITHIN
    return Gate.OVER if growth.low > budget else Gate.INCONCLUSIVE


def _gate_peak(peak_bytes: int | None, budget: float) -> Gate:
    if peak_bytes is None:
        return Gate.INCONCLUSIVE
    return Gate.OVER if peak_bytes > budget else Gate.WITHIN


def held_to_budgets(result: Result) -> dict[str, Gate]:
    """Return what each budget says of a result, by its name; nothing of a peak that was left out on purpose."""
    left_out = result.peak_bytes is None and result.peak_trouble is None
    budget = replace(result.budget, peak_bytes=None) if left_out else result.budget
    # what filled before it stood still got its name from the explanation, and is no limit that ends a growth
    is_filling = result.bounded_by is not None and result.settled_after_calls is None
    has_limit = is_filling and result.verdict is not Verdict.INCONCLUSIVE
    return gates(result.verdict, result.growth, result.peak_bytes, budget, has_limit=has_limit)


def gated(result: Result, said: Mapping[str, Gate]) -> Result:
    """Return the result with the gate that its metrics make, with its resources and whatever went wrong.

    A peak pass that failed is an error where a peak is held to something, and memory is not over anyway.
    """
    gate, failures = together(said)
    died = result.peak_trouble is not None and result.peak_trouble.kind != "missing" and "peak" in said
    if result.trouble is not None or (died and gate is not Gate.OVER):
        gate = Gate.ERROR
    gate, failures = gate_resources(gate, failures, result.resources)
    return replace(result, gate=gate, failures=failures)


_GROWS = (Verdict.LEAK, Verdict.INCONCLUSIVE, Verdict.BOUNDED, Verdict.CLEAN)


def ranked(results: Sequence[Result]) -> tuple[Result, ...]:
    """Return the results with what failed first, then by verdict and growth, then by peak; the rest in their order."""
    return tuple(sorted(results, key=_rank))


def _rank(result: Result) -> tuple[bool, int, float, float]:
    growth = result.growth
    # below its own doubt a growth is none, and must not decide between two that stand still
    rate = 0.0 if growth is None or growth.low <= 0 else growth.bytes_per_1000_calls
    return growth is not None, _GROWS.index(result.verdict), -rate, -(result.peak_bytes or 0)
