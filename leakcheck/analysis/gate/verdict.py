"""The verdict (what the code does), the gate (whether the budgets allow it), and the order of results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from leakcheck.analysis.growth.native_bound import WIDEST_CLEAN_BYTES_PER_CALL
from leakcheck.analysis.growth.resources import gate_resources
from leakcheck.analysis.growth.shape import FEWEST_CALLS, Shape, rising_calls
from leakcheck.model.answers import BoundedContainer
from leakcheck.model.failure import FailureKind
from leakcheck.model.result import Growth, Result
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Gate, Verdict

_WIDEST_CLEAN_BYTES_PER_1000_CALLS = WIDEST_CLEAN_BYTES_PER_CALL * CALLS_PER_RATE

_MOST_TIMES_AS_MANY = 100.0
"""Wider bounds do not tell how many calls are needed."""

_EXPLAINED, _EXPLAINED_AT_LEAST = 0.9, 0.8
"""The shares of a growth's lower bound, and of its estimate, that bounded containers must account for to explain it."""

_FILLED_ALL_ALONG = 0.5
"""The share of what a container would hold if it had filled at its present rate from the first call. One that is
emptied every thousand calls rises steeply in between, and does not explain what stays."""

_LIMIT_OUT_OF_REACH_CALLS, _LIMIT_OUT_OF_REACH_BYTES = 1_000_000, 1024**3
"""A limit further away than both does not count as one: `deque(maxlen=10**9)`."""


def bounded_cause(growth: Growth, limited: Sequence[BoundedContainer]) -> BoundedContainer | None:
    """Return the bounded container whose filling explains the growth; None if the rest could be a leak.

    Of several that fill at once and explain the growth together, return the one that fills last. `limited` are
    the bounded containers that gained entries while they were checked: one that is full explains no growth.
    """
    filling = [bounded for bounded in limited if bounded.bytes_per_1000_calls > 0 and _will_fill(bounded, growth.calls)]
    explained = sum(container.bytes_per_1000_calls for container in filling)
    needed = max(_EXPLAINED * growth.low, _EXPLAINED_AT_LEAST * growth.bytes_per_1000_calls)
    if not filling or explained < needed:
        return None
    return max(filling, key=lambda container: container.calls_until_full)


def _will_fill(container: BoundedContainer, calls: int) -> bool:
    """Return whether a container has been filling from the beginning and has a limit within reach."""
    if container.length < _FILLED_ALL_ALONG * container.length_per_call * calls:
        return False
    full_bytes = container.limit * container.bytes_per_entry
    return container.calls_until_full <= _LIMIT_OUT_OF_REACH_CALLS or full_bytes <= _LIMIT_OUT_OF_REACH_BYTES


def judge(shape: Shape, growth: Growth, *, bounded: bool) -> Verdict:
    """Return the verdict; LEAK only for a steady rise without a known limit.

    CLEAN needs a plateau with narrow bounds: under a high sawtooth they may be wide enough to hide a leak.
    """
    if shape.flat:
        is_narrow = growth.high - growth.low <= 2 * _WIDEST_CLEAN_BYTES_PER_1000_CALLS
        if not is_narrow or growth.calls < FEWEST_CALLS:
            return Verdict.INCONCLUSIVE
        return Verdict.BOUNDED if bounded else Verdict.CLEAN
    if bounded:
        return Verdict.BOUNDED
    return Verdict.LEAK if shape.rising else Verdict.INCONCLUSIVE


def calls_for_a_verdict(shape: Shape, growth: Growth, seconds_per_call: float) -> int:
    """Return about how many calls a verdict takes, after an inconclusive one.

    The bounds of a plateau narrow in proportion to the calls. A rise is accepted after `rising_calls`, and one that was
    not clear by then may be after twice as many calls.
    """
    if not shape.flat:
        return ceil(max(rising_calls(seconds_per_call), 2 * growth.calls))
    width = (growth.high - growth.low) / (2 * _WIDEST_CLEAN_BYTES_PER_1000_CALLS)
    return ceil(max(FEWEST_CALLS, growth.calls * min(width, _MOST_TIMES_AS_MANY)))


def budget_gates(result: Result) -> dict[str, Gate]:
    """Return the gate of each budget of a result, by its name; without the peak if it was not to be measured.

    Growth is over if its lower bound exceeds the budget, and within if its upper bound does not, or if a known limit
    will end it. A peak is exact.
    """
    by_name = {"growth": _gate_growth(result)}
    peak_bytes, peak_budget = result.peak_bytes, result.budget.peak_bytes
    if peak_budget is not None and peak_bytes is not None:
        by_name["peak"] = Gate.OVER if peak_bytes > peak_budget else Gate.WITHIN
    elif peak_budget is not None and result.peak_failure is not None:
        by_name["peak"] = Gate.INCONCLUSIVE
    return by_name


def _gate_growth(result: Result) -> Gate:
    growth, budget = result.growth, result.budget.growth_bytes_per_1000_calls
    if result.verdict is Verdict.INCONCLUSIVE:
        # the figure of a rise that is not clear yet does not predict the next 1000 calls
        return Gate.INCONCLUSIVE
    # in a result that has settled, bounded_by names what filled up, not a limit that will end the growth
    if result.bounded_by is not None and result.settled_after_calls is None:
        return Gate.WITHIN
    if growth is None:
        return Gate.INCONCLUSIVE
    if growth.high <= budget:
        return Gate.WITHIN
    return Gate.OVER if growth.low > budget else Gate.INCONCLUSIVE


def peak_has_died(result: Result) -> bool:
    """Return whether the peak pass failed; a measured Python without memray has none, which is no failure."""
    return result.peak_failure is not None and result.peak_failure.kind is not FailureKind.MISSING


def with_gate(result: Result, by_name: Mapping[str, Gate]) -> Result:
    """Return the result with the overall gate of its metrics, its resources and its failures.

    A failed peak pass is an error if the peak is gated and no budget is broken anyway.
    """
    failures = tuple(name for name, gate in by_name.items() if gate is Gate.OVER)
    gate = Gate.OVER if failures else Gate.INCONCLUSIVE if Gate.INCONCLUSIVE in by_name.values() else Gate.WITHIN
    if result.failure is not None or ("peak" in by_name and peak_has_died(result) and gate is not Gate.OVER):
        gate = Gate.ERROR
    gate, failures = gate_resources(gate, failures, result.resources)
    return replace(result, gate=gate, over_budget=failures)


_WORST_VERDICT_FIRST = (Verdict.LEAK, Verdict.INCONCLUSIVE, Verdict.BOUNDED, Verdict.CLEAN)


def sort_results(results: Sequence[Result]) -> tuple[Result, ...]:
    """Return the results with failed ones first, then by verdict, growth and peak; equal ones keep their order."""
    return tuple(sorted(results, key=_rank))


def _rank(result: Result) -> tuple[bool, int, float, float]:
    growth = result.growth
    # a growth within its own uncertainty must not decide the order of two plateaus
    rate = 0.0 if growth is None or growth.low <= 0 else growth.bytes_per_1000_calls
    return growth is not None, _WORST_VERDICT_FIRST.index(result.verdict), -rate, -(result.peak_bytes or 0)
