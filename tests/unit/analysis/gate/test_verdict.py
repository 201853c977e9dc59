"""The verdict, and the gate at its limits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.gate.verdict import bounded_cause, budget_gates, calls_for_a_verdict, judge, with_gate
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.model.answers import BoundedContainer
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Growth, Meter
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.runs import CLEAN, growth

BUDGET = Budget(growth_bytes_per_1000_calls=4096.0)
NO_READINGS = Series([], [])
FLAT = Shape(flat=True, meter=Meter.HEAP, tail=NO_READINGS)
RISING = Shape(rising=True, meter=Meter.HEAP, tail=NO_READINGS)
NEITHER = Shape(meter=Meter.HEAP, tail=NO_READINGS)


def gate(
    verdict: Verdict, growth: Growth | None, peak_bytes: int | None, budget: Budget, *, has_limit: bool = False
) -> tuple[Gate, tuple[str, ...]]:
    result = replace(
        CLEAN,
        verdict=verdict,
        growth=growth,
        peak_bytes=peak_bytes,
        peak_failure=Failure(kind=FailureKind.MISSING, message="no memray") if peak_bytes is None else None,
        budget=budget,
        bounded_by=cache(0.0) if has_limit else None,
    )
    gated = with_gate(result, budget_gates(result))
    return gated.gate, gated.over_budget


@pytest.mark.parametrize(
    ("shape", "bounded", "verdict"),
    [
        (FLAT, False, Verdict.CLEAN),
        (FLAT, True, Verdict.BOUNDED),
        (RISING, False, Verdict.LEAK),
        (RISING, True, Verdict.BOUNDED),
        (NEITHER, False, Verdict.INCONCLUSIVE),
        (NEITHER, True, Verdict.BOUNDED),
    ],
)
def test_only_a_steady_rise_without_a_known_limit_is_a_leak(shape: Shape, bounded: bool, verdict: Verdict) -> None:
    assert judge(shape, growth(), bounded=bounded) is verdict


@pytest.mark.parametrize(
    ("doubt", "verdict"), [(31_999.0, Verdict.CLEAN), (32_000.0, Verdict.CLEAN), (32_001.0, Verdict.INCONCLUSIVE)]
)
def test_a_plateau_is_clean_only_with_narrow_bounds(doubt: float, verdict: Verdict) -> None:
    measured = replace(growth(), bytes_per_1000_calls=0.0, low=-doubt, high=doubt)
    assert judge(FLAT, measured, bounded=False) is verdict


@pytest.mark.parametrize(("calls", "verdict"), [(29, Verdict.INCONCLUSIVE), (30, Verdict.CLEAN)])
def test_fewer_than_thirty_calls_may_have_missed_an_event_of_one_in_ten(calls: int, verdict: Verdict) -> None:
    assert judge(FLAT, growth(calls=calls), bounded=False) is verdict


@pytest.mark.parametrize(("times", "least", "most"), [(80, 80, 80), (1e9, 80, 120)])
def test_the_bounds_of_a_plateau_tell_how_many_calls_narrow_them_unless_they_are_very_wide(
    times: float, least: float, most: float
) -> None:
    # GIVEN bounds that are so many times as wide as those of a clean result
    calls = calls_for_a_verdict(FLAT, growth(0.0, times * 32_000, calls=500), 0.001)
    assert least * 500 <= calls <= most * 500


def test_a_rise_that_is_not_clear_may_be_after_twice_as_many_calls() -> None:
    assert calls_for_a_verdict(NEITHER, growth(5000.0, calls=3000), 0.001) == 6000
    assert calls_for_a_verdict(NEITHER, growth(5000.0, calls=100), 0.001) == 1800


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 4095.0, Gate.WITHIN),
        (0.0, 4096.0, Gate.WITHIN),
        (0.0, 4096.5, Gate.INCONCLUSIVE),
        (4095.0, 5000.0, Gate.INCONCLUSIVE),
        (4096.0, 5000.0, Gate.INCONCLUSIVE),
        (4096.5, 5000.0, Gate.OVER),
    ],
)
def test_growth_is_within_or_over_only_with_its_whole_interval(low: float, high: float, expected: Gate) -> None:
    measured = replace(growth(), bytes_per_1000_calls=(low + high) / 2, low=low, high=high)
    outcome, failures = gate(Verdict.LEAK, measured, None, BUDGET)
    assert outcome is expected
    assert failures == (("growth",) if expected is Gate.OVER else ())


@pytest.mark.parametrize(
    ("peak_bytes", "expected"),
    [(9_999, Gate.WITHIN), (10_000, Gate.WITHIN), (10_001, Gate.OVER), (None, Gate.INCONCLUSIVE)],
)
def test_a_peak_is_exact_and_may_be_as_high_as_its_budget(peak_bytes: int | None, expected: Gate) -> None:
    outcome, failures = gate(Verdict.CLEAN, growth(), peak_bytes, replace(BUDGET, peak_bytes=10_000.0))
    assert outcome is expected
    assert failures == (("peak",) if expected is Gate.OVER else ())


def test_a_peak_without_a_budget_is_not_gated() -> None:
    assert gate(Verdict.CLEAN, growth(), None, BUDGET) == (Gate.WITHIN, ())
    assert gate(Verdict.CLEAN, growth(), 10**12, BUDGET) == (Gate.WITHIN, ())


def test_every_broken_budget_is_named() -> None:
    outcome = gate(Verdict.LEAK, growth(10**6), 20_000, replace(BUDGET, peak_bytes=10_000.0))
    assert outcome == (Gate.OVER, ("growth", "peak"))


def test_a_result_over_one_budget_is_over_although_another_is_inconclusive() -> None:
    assert gate(Verdict.LEAK, growth(10**6), None, replace(BUDGET, peak_bytes=1.0)) == (Gate.OVER, ("growth",))
    unsure = growth(4096.0, 100.0)
    assert gate(Verdict.LEAK, unsure, 2, replace(BUDGET, peak_bytes=1.0)) == (Gate.OVER, ("peak",))


def test_growth_without_a_verdict_is_neither_within_nor_over() -> None:
    assert gate(Verdict.INCONCLUSIVE, growth(10**9), None, BUDGET) == (Gate.INCONCLUSIVE, ())
    assert gate(Verdict.INCONCLUSIVE, growth(0.0), None, BUDGET) == (Gate.INCONCLUSIVE, ())
    assert gate(Verdict.CLEAN, None, None, BUDGET) == (Gate.INCONCLUSIVE, ())


def test_growth_with_a_known_limit_is_within_and_its_peak_is_still_gated() -> None:
    assert gate(Verdict.BOUNDED, growth(10**9), None, BUDGET, has_limit=True) == (Gate.WITHIN, ())
    over = gate(Verdict.BOUNDED, growth(10**9), 2, replace(BUDGET, peak_bytes=1.0), has_limit=True)
    assert over == (Gate.OVER, ("peak",))


@given(
    rate=st.floats(-1e9, 1e9),
    doubt=st.floats(0, 1e9),
    budget=st.floats(0, 1e9),
    verdict=st.sampled_from([Verdict.CLEAN, Verdict.LEAK, Verdict.BOUNDED]),
)
def test_a_growth_is_never_within_one_budget_and_over_a_larger_one(
    rate: float, doubt: float, budget: float, verdict: Verdict
) -> None:
    measured = growth(rate, doubt)
    tight, _ = gate(verdict, measured, None, Budget(growth_bytes_per_1000_calls=budget))
    loose, _ = gate(verdict, measured, None, Budget(growth_bytes_per_1000_calls=2 * budget + 1))
    order = [Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN]
    assert order.index(tight) <= order.index(loose)


def cache(bytes_per_1000_calls: float, *, limit: int = 9000, length: int = 1000) -> BoundedContainer:
    """Return a container that takes one entry per call and explains this growth."""
    return BoundedContainer(
        name=f"cache of {limit}",
        kind=f"deque(maxlen={limit})",
        limit=limit,
        length=length,
        length_per_call=1.0,
        bytes_per_entry=bytes_per_1000_calls / 1000,
    )


@pytest.mark.parametrize(
    ("low", "explains", "is_whole_cause"),
    [
        (1000.0, 899.0, False),
        (1000.0, 900.0, True),
        (1000.0, 5000.0, True),
        (950.0, 854.0, False),
        (950.0, 855.0, True),
        (-1e15, 799.0, False),
        (-1e15, 800.0, True),
    ],
)
def test_a_bounded_container_must_account_for_nine_tenths_of_the_lower_bound_and_four_fifths_of_the_estimate(
    low: float, explains: float, is_whole_cause: bool
) -> None:
    container = cache(explains)
    grown = replace(growth(1000.0), low=low)
    assert bounded_cause(grown, [container]) == (container if is_whole_cause else None)


def test_of_containers_that_fill_together_the_last_to_fill_is_returned() -> None:
    early, late = cache(400.0, limit=2000), cache(500.0, limit=9000)
    assert bounded_cause(growth(1000.0), [late, early]) is late
    assert bounded_cause(growth(1000.0), [early, late]) is late


def test_a_shrinking_container_explains_no_growth() -> None:
    assert bounded_cause(growth(1000.0), []) is None
    assert bounded_cause(growth(1000.0), [cache(-5000.0), cache(0.0)]) is None
    shrinking, filling = cache(-5000.0, limit=10_000), cache(950.0)
    assert bounded_cause(growth(1000.0), [shrinking, filling]) is filling


def test_a_container_reports_how_many_more_calls_it_takes_to_fill() -> None:
    assert cache(620_000.0, limit=9000, length=2100).calls_until_full == 6900
    assert cache(620_000.0).bytes_per_1000_calls == pytest.approx(620_000)
    assert replace(cache(1.0), length_per_call=0.0).calls_until_full == float("inf")


@pytest.mark.parametrize(("length", "is_whole_cause"), [(249, False), (250, True), (9000, True)])
def test_a_container_that_was_emptied_in_between_does_not_explain_the_growth(length: int, is_whole_cause: bool) -> None:
    # 500 calls at one entry per call; below half of that, it was emptied in between
    container = cache(1000.0, length=length, limit=10_000)
    assert bounded_cause(growth(1000.0), [container]) == (container if is_whole_cause else None)


@pytest.mark.parametrize(
    ("limit", "bytes_per_1000_calls", "ends"),
    [
        (900_000, 10_000_000.0, True),  # many bytes, but reached within a million calls
        (10**9, 1000.0, True),  # a billion calls away, but small when full
        (10**9, 2_000_000.0, False),
        (1_200_000, 10_000_000.0, False),  # a million calls do not reach it
        (2_000_000, 700_000.0, False),  # 1.3 GiB when full
    ],
)
def test_a_limit_out_of_reach_does_not_count(limit: int, bytes_per_1000_calls: float, ends: bool) -> None:
    container = cache(bytes_per_1000_calls, limit=limit)
    assert (bounded_cause(growth(bytes_per_1000_calls), [container]) is not None) == ends
