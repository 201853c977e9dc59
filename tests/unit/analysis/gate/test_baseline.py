"""Worse, better or the same: the rule at its limits, and what it makes of a gate."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.gate.baseline import BoundedFigure, compare, compared, growth_figure
from leakcheck.model.answers import Failure
from leakcheck.model.baseline import BaselineChange, BaselineEntry, Tolerance
from leakcheck.model.explanation import Resource, ResourceKind
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


# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "limit"),
    [
        (100 * MIB, 105 * MIB),  # the share decides: five hundredths of it are more than 16 KiB
        (100 * KIB, 116 * KIB),  # the size decides
        (320 * KIB, 336 * KIB),  # both say the same
        (0, 16 * KIB),
    ],
)
def test_a_figure_is_worse_from_the_first_byte_above_both_parts_on(before: int, limit: int) -> None:
    said = {after: compare("peak", before, exact(after), ALLOWED).gate for after in (limit - 1, limit, limit + 1)}
    assert said == {limit - 1: Gate.WITHIN, limit: Gate.WITHIN, limit + 1: Gate.OVER}


@pytest.mark.parametrize(("before", "limit"), [(100 * MIB, 95 * MIB), (100 * KIB, 84 * KIB), (320 * KIB, 304 * KIB)])
def test_a_figure_is_better_from_the_first_byte_below_both_parts_on(before: int, limit: int) -> None:
    said = {after: compare("peak", before, exact(after), ALLOWED).better for after in (limit - 1, limit, limit + 1)}
    assert said == {limit - 1: True, limit: False, limit + 1: False}


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
def test_a_growth_is_worse_or_not_only_with_all_of_its_interval(low: float, high: float, expected: Gate) -> None:
    after = BoundedFigure(value=(low + high) / 2, low=low, high=high)
    assert compare("growth", 100 * KIB, after, ALLOWED).gate is expected


@given(before=FIGURES, after=FIGURES, allowance=ALLOWANCES)
def test_worse_means_both_parts_and_better_means_both_parts(before: float, after: float, allowance: Tolerance) -> None:
    change = compare("peak", before, exact(after), allowance)
    is_worse = after > before * (1 + allowance.share) and after > before + allowance.bytes
    is_better = after < before * (1 - allowance.share) and after < before - allowance.bytes
    assert (change.gate is Gate.OVER, change.better) == (is_worse, is_better)
    assert change.gate is not Gate.INCONCLUSIVE, "a peak is exact"


@given(before=FIGURES, after=FIGURES, doubt=FIGURES, allowance=ALLOWANCES)
def test_nothing_is_worse_and_better_at_once_and_doubt_never_makes_it_either(
    before: float, after: float, doubt: float, allowance: Tolerance
) -> None:
    sure = compare("growth", before, exact(after), allowance)
    unsure = compare("growth", before, BoundedFigure(value=after, low=after - doubt, high=after + doubt), allowance)
    assert not (sure.better and sure.gate is Gate.OVER)
    assert unsure.gate in (sure.gate, Gate.INCONCLUSIVE)
    assert sure.better or not unsure.better


@given(before=FIGURES, allowance=ALLOWANCES)
def test_what_is_as_accepted_is_within_and_no_better(before: float, allowance: Tolerance) -> None:
    change = compare("growth", before, exact(before), allowance)
    assert (change.gate, change.better) == (Gate.WITHIN, False)


# --- which figures --------------------------------------------------------------------------------


def test_what_stands_still_or_has_a_limit_grows_by_nothing() -> None:
    assert growth_figure(CLEAN) == exact(0.0)
    assert growth_figure(BOUNDED) == exact(0.0)


def test_a_growth_that_only_pages_or_blocks_show_is_no_figure() -> None:
    assert growth_figure(LEAK) is not None
    for meter in (Meter.RSS, Meter.BLOCKS):
        assert growth_figure(replace(LEAK, growth=growth(144 * MIB, meter=meter))) is None
    assert growth_figure(UNSURE) is None
    assert growth_figure(BROKEN) is None


# --- what it makes of the gate --------------------------------------------------------------------

LEAKY = replace(LEAK, peak_bytes=int(9 * MIB), failures=("growth",))
"""Over its growth budget of 64 KiB, and within its peak budget of 10 MiB."""


def held(result: Result, entry: BaselineEntry | None) -> tuple[Gate, tuple[str, ...]]:
    said = compared(result, entry, ALLOWED)
    return said.gate, said.failures


def test_what_is_not_in_the_baseline_is_new_and_held_to_its_budget() -> None:
    for result in (LEAK, CLEAN, NAIVE):
        said = compared(result, None, ALLOWED)
        assert (said.is_new, said.changes) == (True, ())
        assert (said.gate, said.failures) == (result.gate, result.failures)


def test_a_leak_that_was_accepted_is_within_as_long_as_it_is_not_worse() -> None:
    assert held(LEAKY, accepted(144 * MIB)) == (Gate.WITHIN, ())
    assert held(LEAKY, accepted(140 * MIB)) == (Gate.WITHIN, ())
    assert held(LEAKY, accepted(137 * MIB)) == (Gate.OVER, ("growth",))


def test_an_accepted_figure_that_breaks_its_budget_excuses_that_and_says_why() -> None:
    said = compared(LEAKY, accepted(144 * MIB, 9 * MIB, reason="ticket 12"), ALLOWED)
    growth_change, peak_change = said.changes
    assert (growth_change.excused, growth_change.reason) == (True, "ticket 12")
    assert not peak_change.excused, "its budget is kept"
    assert {change.allowed for change in said.changes} == {"+5 % and +16 KiB"}


def test_a_budget_that_the_accepted_figure_kept_is_still_to_be_kept_however_small_the_change() -> None:
    # GIVEN one small object a call, which is less than the 16 KiB that may change
    small = replace(LEAKY, budget=Budget(growth_bytes_per_1000_calls=4096.0), growth=growth(16_000, 90))
    # WHEN nothing was accepted before, or the budget just so
    # THEN it is over, though it is not worse
    for before in (0, 4096):
        said = compared(small, accepted(before), ALLOWED)
        assert (said.gate, said.failures) == (Gate.OVER, ("growth",))
        assert said.changes[0].gate is Gate.WITHIN
    # AND one byte more was over the budget already
    assert held(small, accepted(4097)) == (Gate.WITHIN, ())


def test_the_peak_is_held_to_the_baseline_though_no_budget_names_it() -> None:
    free = replace(CLEAN, budget=Budget(growth_bytes_per_1000_calls=4096.0), peak_bytes=1_000_000)
    assert held(free, accepted(0, 1_000_000)) == (Gate.WITHIN, ())
    assert held(free, accepted(0, 900_000)) == (Gate.OVER, ("peak",))
    assert held(free, accepted(0)) == (Gate.WITHIN, ())


def test_each_metric_is_held_to_the_baseline_where_it_has_one_and_else_to_its_budget() -> None:
    both_over = replace(LEAKY, peak_bytes=20 * MIB)
    assert held(both_over, accepted(144 * MIB)) == (Gate.OVER, ("peak",))
    assert held(both_over, accepted(None, 20 * MIB)) == (Gate.OVER, ("growth",))
    assert held(both_over, accepted(144 * MIB, 20 * MIB)) == (Gate.WITHIN, ())
    assert held(both_over, accepted(14 * MIB, 2 * MIB)) == (Gate.OVER, ("growth", "peak"))


def test_a_growth_that_only_pages_show_is_excused_by_no_accepted_figure() -> None:
    mapped = replace(LEAKY, growth=growth(144 * MIB, meter=Meter.RSS))
    said = compared(mapped, accepted(500 * MIB), ALLOWED)
    assert (said.gate, said.failures) == (Gate.OVER, ("growth",))
    assert said.changes == ()


def test_what_was_clean_and_leaks_now_is_over_by_its_growth() -> None:
    assert held(LEAKY, accepted(0, 9 * MIB, verdict=Verdict.CLEAN)) == (Gate.OVER, ("growth",))


def test_a_growth_whose_bounds_lie_on_both_sides_is_inconclusive() -> None:
    unsure = replace(LEAKY, growth=growth(150 * MIB, 5 * MIB))
    said = compared(unsure, accepted(144 * MIB), ALLOWED)
    assert (said.gate, said.failures) == (Gate.INCONCLUSIVE, ())
    assert said.changes[0].gate is Gate.INCONCLUSIVE


def test_without_a_verdict_nothing_is_compared_and_nothing_is_green() -> None:
    said = compared(UNSURE, accepted(10**9), ALLOWED)
    assert (said.gate, said.changes) == (Gate.INCONCLUSIVE, ())


def test_what_failed_stays_an_error() -> None:
    broken = replace(LEAKY, trouble=Failure(kind="teardown", message="E"))
    assert held(BROKEN, accepted(0))[0] is Gate.ERROR
    assert held(broken, accepted(144 * MIB))[0] is Gate.ERROR


def test_an_accepted_peak_that_cannot_be_seen_is_not_green() -> None:
    free = replace(CLEAN, budget=Budget(growth_bytes_per_1000_calls=4096.0), peak_bytes=None)
    missing, died = Failure(kind="missing", message="no memray"), Failure(kind="died", message="killed")
    assert held(replace(free, peak_trouble=missing), accepted(0, 9)) == (Gate.INCONCLUSIVE, ())
    assert held(replace(free, peak_trouble=died), accepted(0, 9))[0] is Gate.ERROR
    # WHEN it was left out on purpose, or never accepted THEN nobody asked for it
    assert held(free, accepted(0, 9)) == (Gate.WITHIN, ())
    assert held(replace(free, peak_trouble=died), accepted(0)) == (Gate.WITHIN, ())


def test_what_rises_beside_memory_is_over_whatever_was_accepted() -> None:
    files = Resource(
        kind=ResourceKind.OPEN_FILES,
        per_1000_calls=1000,
        low=1000,
        high=1000,
        budget_per_1000_calls=0,
        verdict=Verdict.LEAK,
        gate=Gate.OVER,
    )
    assert held(replace(LEAKY, resources=(files,)), accepted(144 * MIB)) == (Gate.OVER, ("open files",))


def test_comparing_again_with_another_baseline_forgets_the_first() -> None:
    once = compared(LEAKY, accepted(14 * MIB), ALLOWED)
    assert once.failures == ("growth",)
    again = compared(once, accepted(144 * MIB), ALLOWED)
    assert (again.gate, again.failures) == (Gate.WITHIN, ())
    assert compared(again, None, ALLOWED).failures == ("growth",)
    assert compared(compared(LEAKY, None, ALLOWED), accepted(144 * MIB), ALLOWED).is_new is False


def test_both_metrics_are_told_with_their_figures() -> None:
    said = compared(LEAK, accepted(100 * MIB, 90 * MIB), ALLOWED)
    assert said.changes == (
        BaselineChange(
            metric="growth",
            before=100 * MIB,
            after=144 * MIB,
            low=143.9 * MIB,
            high=144.1 * MIB,
            gate=Gate.OVER,
            excused=True,
            allowed="+5 % and +16 KiB",
            most=105 * MIB,
        ),
        BaselineChange(
            metric="peak",
            before=90 * MIB,
            after=int(93.4 * MIB),
            low=int(93.4 * MIB),
            high=int(93.4 * MIB),
            gate=Gate.WITHIN,
            excused=True,
            allowed="+5 % and +16 KiB",
            most=94.5 * MIB,
        ),
    )
    assert said.budget == BUDGET
