"""Comparison with the baseline: the tolerance at its limits, and the gate of a result."""

from dataclasses import replace

from leakcheck.analysis.gate.baseline import compare_with_baseline, growth_figure
from leakcheck.model.baseline import BaselineChange, BaselineEntry
from leakcheck.model.explanation import Resource, ResourceKind
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Meter, Result
from leakcheck.model.tolerance import ChangeVerdict, Figure
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.runs import BOUNDED, BROKEN, BUDGET, CLEAN, LEAK, MIB, NAIVE, TOLERANCE, UNSURE, growth


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


# --- the figures ----------------------------------------------------------------------------------


def test_the_growth_of_a_clean_or_bounded_result_is_zero() -> None:
    assert growth_figure(CLEAN) == Figure.exact(0.0)
    assert growth_figure(BOUNDED) == Figure.exact(0.0)


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
    outcome = compare_with_baseline(result, entry, TOLERANCE)
    return outcome.gate, outcome.over_budget


def test_a_result_without_a_baseline_entry_is_new_and_gated_by_its_budget() -> None:
    for result in (LEAK, CLEAN, NAIVE):
        outcome = compare_with_baseline(result, None, TOLERANCE)
        assert (outcome.is_new, outcome.baseline_changes) == (True, ())
        assert (outcome.gate, outcome.over_budget) == (result.gate, result.over_budget)


def test_an_accepted_leak_is_within_as_long_as_it_is_not_worse() -> None:
    assert gate_of(LEAKY, accepted(144 * MIB)) == (Gate.WITHIN, ())
    assert gate_of(LEAKY, accepted(140 * MIB)) == (Gate.WITHIN, ())
    assert gate_of(LEAKY, accepted(137 * MIB)) == (Gate.OVER, ("growth",))


def test_an_accepted_figure_over_its_budget_is_excused_with_its_reason() -> None:
    outcome = compare_with_baseline(LEAKY, accepted(144 * MIB, 9 * MIB, reason="ticket 12"), TOLERANCE)
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
        outcome = compare_with_baseline(small, accepted(before), TOLERANCE)
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
    outcome = compare_with_baseline(mapped, accepted(500 * MIB), TOLERANCE)
    assert (outcome.gate, outcome.over_budget) == (Gate.OVER, ("growth",))
    assert outcome.baseline_changes == ()


def test_a_scenario_that_was_clean_and_leaks_now_is_over() -> None:
    assert gate_of(LEAKY, accepted(0, 9 * MIB, verdict=Verdict.CLEAN)) == (Gate.OVER, ("growth",))


def test_a_growth_with_bounds_on_both_sides_of_the_limit_is_inconclusive() -> None:
    unsure = replace(LEAKY, growth=growth(150 * MIB, 5 * MIB))
    outcome = compare_with_baseline(unsure, accepted(144 * MIB), TOLERANCE)
    assert (outcome.gate, outcome.over_budget) == (Gate.INCONCLUSIVE, ())
    assert outcome.baseline_changes[0].gate is Gate.INCONCLUSIVE


def test_a_result_without_a_verdict_is_not_compared_and_does_not_pass() -> None:
    outcome = compare_with_baseline(UNSURE, accepted(10**9), TOLERANCE)
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
    once = compare_with_baseline(LEAKY, accepted(14 * MIB), TOLERANCE)
    assert once.over_budget == ("growth",)
    again = compare_with_baseline(once, accepted(144 * MIB), TOLERANCE)
    assert (again.gate, again.over_budget) == (Gate.WITHIN, ())
    assert compare_with_baseline(again, None, TOLERANCE).over_budget == ("growth",)
    assert not compare_with_baseline(
        compare_with_baseline(LEAKY, None, TOLERANCE), accepted(144 * MIB), TOLERANCE
    ).is_new


def test_both_metrics_are_reported_with_their_figures() -> None:
    outcome = compare_with_baseline(LEAK, accepted(100 * MIB, 90 * MIB), TOLERANCE)
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
            verdict=ChangeVerdict.WORSE,
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
            verdict=ChangeVerdict.SAME,
        ),
    )
    assert outcome.budget == BUDGET
