"""Comparison with the baseline: the tolerance at its limits, and the gate of a result."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.gate.baseline import BoundedFigure, compare, compare_with_baseline, growth_figure
from leakcheck.model.baseline import BaselineChange, BaselineEntry, Tolerance
from leakcheck.model.explanation import Resource, ResourceKind
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.runs import BOUNDED, BROKEN, BUDGET, CLEAN, KIB, LEAK, MIB, NAIVE, UNSURE, growth

ALLOWED = Tolerance(share=0.05, bytes=16 * KIB)
FIGURES = st.floats(0, 1e12)
ALLOWANCES = st.builds(Tolerance, share=st.floats(0, 1), bytes=st.floats(0, 1e9))


def exact(value: float) -> BoundedFigure:
    return BoundedFigure(value=value, low=value, high=value)


def accepted(
    growth_bytes: int | None = None, peak_bytes: int | None = None, *, reason: str = "", verdict: Verdict = Verdict.LEAK
) -> BaselineEntry:
    return BaselineEntry(
        verdict=verdict,
        target="scenarios/newsletter/scenario.py::newsletter",
        growth_bytes_per_1000_calls=growth_bytes,
        peak_bytes=peak_bytes,
        reason=reason,
    )


# --- the tolerance --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "limit"),
    [
        (100 * MIB, 105 * MIB),  # the share decides: 5 % are more than 16 KiB
        (100 * KIB, 116 * KIB),  # the size decides
        (320 * KIB, 336 * KIB),  # both are the same
        (0, 16 * KIB),
    ],
)
def test_a_figure_is_worse_from_the_first_byte_above_both_parts_of_the_tolerance(before: int, limit: int) -> None:
    gates = {after: compare("peak", before, exact(after), ALLOWED).gate for after in (limit - 1, limit, limit + 1)}
    assert gates == {limit - 1: Gate.WITHIN, limit: Gate.WITHIN, limit + 1: Gate.OVER}


@pytest.mark.parametrize(("before", "limit"), [(100 * MIB, 95 * MIB), (100 * KIB, 84 * KIB), (320 * KIB, 304 * KIB)])
def test_a_figure_is_better_from_the_first_byte_below_both_parts_of_the_tolerance(before: int, limit: int) -> None:
    better = {after: compare("peak", before, exact(after), ALLOWED).better for after in (limit - 1, limit, limit + 1)}
    assert better == {limit - 1: True, limit: False, limit + 1: False}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (116 * KIB - 9, 116 * KIB - 1, Gate.WITHIN),
        (116 * KIB - 9, 116 * KIB, Gate.WITHIN),
        (116 * KIB - 9, 116 * KIB + 1, Gate.INCONCLUSIVE),
        (116 * KIB, 116 * KIB + 9, Gate.INCONCLUSIVE),
        (116 * KIB + 1, 116 * KIB + 9, Gate.OVER),
    ],
)
def test_a_growth_is_worse_or_not_only_with_its_whole_interval(low: float, high: float, expected: Gate) -> None:
    after = BoundedFigure(value=(low + high) / 2, low=low, high=high)
    assert compare("growth", 100 * KIB, after, ALLOWED).gate is expected


@given(before=FIGURES, after=FIGURES, allowance=ALLOWANCES)
def test_worse_and_better_both_need_to_exceed_both_parts_of_the_tolerance(
    before: float, after: float, allowance: Tolerance
) -> None:
    change = compare("peak", before, exact(after), allowance)
    is_worse = after > before * (1 + allowance.share) and after > before + allowance.bytes
    is_better = after < before * (1 - allowance.share) and after < before - allowance.bytes
    assert (change.gate is Gate.OVER, change.better) == (is_worse, is_better)
    assert change.gate is not Gate.INCONCLUSIVE, "a peak is exact"


@given(before=FIGURES, after=FIGURES, doubt=FIGURES, allowance=ALLOWANCES)
def test_no_change_is_worse_and_better_and_uncertainty_makes_it_neither(
    before: float, after: float, doubt: float, allowance: Tolerance
) -> None:
    sure = compare("growth", before, exact(after), allowance)
    unsure = compare("growth", before, BoundedFigure(value=after, low=after - doubt, high=after + doubt), allowance)
    assert not (sure.better and sure.gate is Gate.OVER)
    assert unsure.gate in (sure.gate, Gate.INCONCLUSIVE)
    assert sure.better or not unsure.better


@given(before=FIGURES, allowance=ALLOWANCES)
def test_an_unchanged_figure_is_within_and_not_better(before: float, allowance: Tolerance) -> None:
    change = compare("growth", before, exact(before), allowance)
    assert (change.gate, change.better) == (Gate.WITHIN, False)


# --- the figures ----------------------------------------------------------------------------------


def test_the_growth_of_a_clean_or_bounded_result_is_zero() -> None:
    assert growth_figure(CLEAN) == exact(0.0)
    assert growth_figure(BOUNDED) == exact(0.0)


def test_a_growth_of_pages_or_blocks_is_not_compared() -> None:
    assert growth_figure(LEAK) is not None
    for meter in (Meter.RSS, Meter.BLOCKS):
        assert growth_figure(replace(LEAK, growth=growth(144 * MIB, meter=meter))) is None
    assert growth_figure(UNSURE) is None
    assert growth_figure(BROKEN) is None


# --- the gate -------------------------------------------------------------------------------------

LEAKY = replace(LEAK, peak_bytes=int(9 * MIB), over_budget=("growth",))
"""Over its growth budget of 64 KiB, and within its peak budget of 10 MiB."""


def gate_of(result: Result, entry: BaselineEntry | None) -> tuple[Gate, tuple[str, ...]]:
    outcome = compare_with_baseline(result, entry, ALLOWED)
    return outcome.gate, outcome.over_budget


def test_a_result_without_a_baseline_entry_is_new_and_gated_by_its_budget() -> None:
    for result in (LEAK, CLEAN, NAIVE):
        outcome = compare_with_baseline(result, None, ALLOWED)
        assert (outcome.is_new, outcome.baseline_changes) == (True, ())
        assert (outcome.gate, outcome.over_budget) == (result.gate, result.over_budget)


def test_an_accepted_leak_is_within_as_long_as_it_is_not_worse() -> None:
    assert gate_of(LEAKY, accepted(144 * MIB)) == (Gate.WITHIN, ())
    assert gate_of(LEAKY, accepted(140 * MIB)) == (Gate.WITHIN, ())
    assert gate_of(LEAKY, accepted(137 * MIB)) == (Gate.OVER, ("growth",))


def test_an_accepted_figure_over_its_budget_is_excused_with_its_reason() -> None:
    outcome = compare_with_baseline(LEAKY, accepted(144 * MIB, 9 * MIB, reason="ticket 12"), ALLOWED)
    growth_change, peak_change = outcome.baseline_changes
    assert (growth_change.is_excused, growth_change.reason) == (True, "ticket 12")
    assert not peak_change.is_excused, "its budget is kept"
    assert {change.tolerance for change in outcome.baseline_changes} == {"+5 % and +16 KiB"}


def test_a_budget_that_the_accepted_figure_kept_still_applies_however_small_the_change() -> None:
    # GIVEN one small object per call, which is less than the tolerance of 16 KiB
    small = replace(LEAKY, budget=Budget(growth_bytes_per_1000_calls=4096.0), growth=growth(16_000, 90))
    # WHEN the accepted figure is zero, or just the budget
    # THEN it is over, although it is not worse
    for before in (0, 4096):
        outcome = compare_with_baseline(small, accepted(before), ALLOWED)
        assert (outcome.gate, outcome.over_budget) == (Gate.OVER, ("growth",))
        assert outcome.baseline_changes[0].gate is Gate.WITHIN
    # AND an accepted figure of one byte more excuses the budget
    assert gate_of(small, accepted(4097)) == (Gate.WITHIN, ())


def test_a_peak_without_a_budget_is_compared_with_the_baseline() -> None:
    free = replace(CLEAN, budget=Budget(growth_bytes_per_1000_calls=4096.0), peak_bytes=1_000_000)
    assert gate_of(free, accepted(0, 1_000_000)) == (Gate.WITHIN, ())
    assert gate_of(free, accepted(0, 900_000)) == (Gate.OVER, ("peak",))
    assert gate_of(free, accepted(0)) == (Gate.WITHIN, ())


def test_each_metric_is_compared_with_its_accepted_figure_or_else_with_its_budget() -> None:
    both_over = replace(LEAKY, peak_bytes=20 * MIB)
    assert gate_of(both_over, accepted(144 * MIB)) == (Gate.OVER, ("peak",))
    assert gate_of(both_over, accepted(None, 20 * MIB)) == (Gate.OVER, ("growth",))
    assert gate_of(both_over, accepted(144 * MIB, 20 * MIB)) == (Gate.WITHIN, ())
    assert gate_of(both_over, accepted(14 * MIB, 2 * MIB)) == (Gate.OVER, ("growth", "peak"))


def test_a_growth_of_pages_is_not_excused_by_an_accepted_figure() -> None:
    mapped = replace(LEAKY, growth=growth(144 * MIB, meter=Meter.RSS))
    outcome = compare_with_baseline(mapped, accepted(500 * MIB), ALLOWED)
    assert (outcome.gate, outcome.over_budget) == (Gate.OVER, ("growth",))
    assert outcome.baseline_changes == ()


def test_a_scenario_that_was_clean_and_leaks_now_is_over() -> None:
    assert gate_of(LEAKY, accepted(0, 9 * MIB, verdict=Verdict.CLEAN)) == (Gate.OVER, ("growth",))


def test_a_growth_with_bounds_on_both_sides_of_the_limit_is_inconclusive() -> None:
    unsure = replace(LEAKY, growth=growth(150 * MIB, 5 * MIB))
    outcome = compare_with_baseline(unsure, accepted(144 * MIB), ALLOWED)
    assert (outcome.gate, outcome.over_budget) == (Gate.INCONCLUSIVE, ())
    assert outcome.baseline_changes[0].gate is Gate.INCONCLUSIVE


def test_a_result_without_a_verdict_is_not_compared_and_does_not_pass() -> None:
    outcome = compare_with_baseline(UNSURE, accepted(10**9), ALLOWED)
    assert (outcome.gate, outcome.baseline_changes) == (Gate.INCONCLUSIVE, ())


def test_a_failed_result_remains_an_error() -> None:
    broken = replace(LEAKY, failure=Failure(kind=FailureKind.TEARDOWN, message="E"))
    assert gate_of(BROKEN, accepted(0))[0] is Gate.ERROR
    assert gate_of(broken, accepted(144 * MIB))[0] is Gate.ERROR


def test_an_accepted_peak_that_cannot_be_measured_does_not_pass() -> None:
    free = replace(CLEAN, budget=Budget(growth_bytes_per_1000_calls=4096.0), peak_bytes=None)
    missing, died = (
        Failure(kind=FailureKind.MISSING, message="no memray"),
        Failure(kind=FailureKind.DIED, message="killed"),
    )
    assert gate_of(replace(free, peak_failure=missing), accepted(0, 9)) == (Gate.INCONCLUSIVE, ())
    assert gate_of(replace(free, peak_failure=died), accepted(0, 9))[0] is Gate.ERROR
    # WHEN it was not to be measured, or never accepted THEN it is not needed
    assert gate_of(free, accepted(0, 9)) == (Gate.WITHIN, ())
    assert gate_of(replace(free, peak_failure=died), accepted(0)) == (Gate.WITHIN, ())


def test_a_leak_of_resources_is_over_whatever_was_accepted() -> None:
    files = Resource(
        kind=ResourceKind.OPEN_FILES,
        per_1000_calls=1000,
        low=1000,
        high=1000,
        budget_per_1000_calls=0,
        verdict=Verdict.LEAK,
        gate=Gate.OVER,
    )
    assert gate_of(replace(LEAKY, resources=(files,)), accepted(144 * MIB)) == (Gate.OVER, ("open files",))


def test_comparing_again_with_another_baseline_replaces_the_first_comparison() -> None:
    once = compare_with_baseline(LEAKY, accepted(14 * MIB), ALLOWED)
    assert once.over_budget == ("growth",)
    again = compare_with_baseline(once, accepted(144 * MIB), ALLOWED)
    assert (again.gate, again.over_budget) == (Gate.WITHIN, ())
    assert compare_with_baseline(again, None, ALLOWED).over_budget == ("growth",)
    assert (
        compare_with_baseline(compare_with_baseline(LEAKY, None, ALLOWED), accepted(144 * MIB), ALLOWED).is_new is False
    )


def test_both_metrics_are_reported_with_their_figures() -> None:
    outcome = compare_with_baseline(LEAK, accepted(100 * MIB, 90 * MIB), ALLOWED)
    assert outcome.baseline_changes == (
        BaselineChange(
            metric="growth",
            before=100 * MIB,
            after=144 * MIB,
            low=143.9 * MIB,
            high=144.1 * MIB,
            gate=Gate.OVER,
            is_excused=True,
            tolerance="+5 % and +16 KiB",
            most=105 * MIB,
        ),
        BaselineChange(
            metric="peak",
            before=90 * MIB,
            after=int(93.4 * MIB),
            low=int(93.4 * MIB),
            high=int(93.4 * MIB),
            gate=Gate.WITHIN,
            is_excused=True,
            tolerance="+5 % and +16 KiB",
            most=94.5 * MIB,
        ),
    )
    assert outcome.budget == BUDGET
