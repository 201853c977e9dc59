"""Accepting a result: which figures are written, which keep their old value, and which results are refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.gate.baseline import accept, compare_with_baseline, is_acceptable
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, KIB, LEAK, MIB, TOLERANCE, UNSURE, growth

TARGET = "scenarios/newsletter/scenario.py::newsletter"


def written(result: Result, old: BaselineEntry | None = None, reason: str | None = None) -> BaselineEntry:
    return accept(result, TARGET, old, allowance=TOLERANCE, reason=reason)


def leaking(rate: float, doubt: float = 90.0, **changes: object) -> Result:
    return replace(LEAK, growth=growth(rate, doubt), **changes)  # type: ignore[arg-type]


FIRST = written(leaking(144_000_000.0))


def test_figures_are_rounded_up_to_whole_bytes() -> None:
    assert written(leaking(1000.2)).growth_bytes_per_1000_calls == 1001
    assert written(CLEAN) == BaselineEntry(
        verdict=Verdict.CLEAN, target=TARGET, growth_bytes_per_1000_calls=0, peak_bytes=int(4.7 * MIB)
    )
    assert written(BOUNDED).growth_bytes_per_1000_calls == 0
    assert written(BOUNDED).peak_bytes is None


@pytest.mark.parametrize(
    ("rate", "doubt", "keeps_old"),
    [
        (144_033_000.0, 9000.0, True),  # the difference of two fresh processes of the newsletter
        (144_720_000.0, 90.0, True),  # 0.5 %
        (144_720_001.0, 90.0, False),
        (143_279_999.0, 90.0, False),
        (145_000_000.0, 1_000_000.0, True),  # the bounds contain the old figure
        (145_000_001.0, 1_000_000.0, False),
    ],
)
def test_a_growth_that_differs_only_by_noise_is_not_rewritten(rate: float, doubt: float, keeps_old: bool) -> None:
    after = written(leaking(rate, doubt), FIRST).growth_bytes_per_1000_calls
    assert (after == 144_000_000) == keeps_old


@pytest.mark.parametrize(("peak", "keeps_old"), [(101_024, True), (101_025, False), (98_976, True), (98_975, False)])
def test_a_peak_that_differs_only_by_noise_is_not_rewritten(peak: int, keeps_old: bool) -> None:
    old = replace(FIRST, peak_bytes=100_000)
    assert (written(leaking(144_000_000.0, peak_bytes=peak), old).peak_bytes == 100_000) == keeps_old


@given(old=st.integers(0, 10**9), rate=st.floats(1, 1e9), doubt=st.floats(0, 1e6), budget=st.integers(0, 10**9))
def test_a_result_that_was_just_accepted_is_never_over(old: int, rate: float, doubt: float, budget: int) -> None:
    """WHEN a conclusive result is accepted THEN the same result passes."""
    result = leaking(rate, doubt, budget=Budget(growth_bytes_per_1000_calls=budget), peak_bytes=None, over_budget=())
    if is_acceptable(result):
        after = written(result, replace(FIRST, growth_bytes_per_1000_calls=old))
        outcome = compare_with_baseline(result, after, TOLERANCE)
        assert "growth" not in outcome.over_budget
        if doubt <= TOLERANCE.bytes:
            assert outcome.gate is Gate.WITHIN


def test_a_figure_that_moved_over_its_budget_is_written_however_little_it_moved() -> None:
    budget = Budget(growth_bytes_per_1000_calls=1_000_000)
    old = replace(FIRST, growth_bytes_per_1000_calls=999_999)
    assert written(leaking(1_000_100, budget=budget), old).growth_bytes_per_1000_calls == 1_000_100


def test_a_changed_verdict_rewrites_the_figure() -> None:
    stood_still = replace(FIRST, verdict=Verdict.CLEAN, growth_bytes_per_1000_calls=0)
    after = written(leaking(600.0), stood_still)
    assert (after.verdict, after.growth_bytes_per_1000_calls) == (Verdict.LEAK, 600)


def test_a_peak_that_was_not_measured_keeps_its_accepted_value() -> None:
    assert written(leaking(144_000_000.0, peak_bytes=None), FIRST).peak_bytes == FIRST.peak_bytes


def test_a_reason_stays_until_it_is_replaced_or_removed() -> None:
    old = replace(FIRST, reason="ticket 12")
    assert written(leaking(9.9e9), old).reason == "ticket 12"
    assert written(LEAK, old, "ticket 13").reason == "ticket 13"
    assert written(LEAK, old, "").reason == ""
    assert written(LEAK, None, "ticket 13").reason == "ticket 13"


@pytest.mark.parametrize(("meter", "why"), [(Meter.RSS, "only resident pages"), (Meter.BLOCKS, "no exact meter")])
def test_a_growth_without_an_exact_meter_is_not_saved_and_the_note_says_so(meter: Meter, why: str) -> None:
    after = written(replace(LEAK, growth=growth(144 * MIB, meter=meter)), FIRST)
    assert after.growth_bytes_per_1000_calls is None
    assert why in after.note
    assert FIRST.note == ""


@pytest.mark.parametrize(
    ("result", "acceptable"),
    [
        (CLEAN, True),
        (LEAK, True),
        (BOUNDED, True),
        (BROKEN, False),
        (UNSURE, False),
        (replace(LEAK, failure=Failure(kind=FailureKind.TEARDOWN, message="E"), gate=Gate.ERROR), False),
        # over by its peak, and inconclusive in its growth
        (leaking(64 * KIB, over_budget=("peak",)), False),
        (replace(CLEAN, gate=Gate.INCONCLUSIVE), False),
        # a failed peak pass does not matter if the peak is not gated
        (
            replace(
                CLEAN,
                peak_bytes=None,
                peak_failure=Failure(kind=FailureKind.DIED, message="E"),
                budget=Budget(growth_bytes_per_1000_calls=4096.0),
            ),
            True,
        ),
    ],
)
def test_only_conclusive_results_can_be_accepted(result: Result, acceptable: bool) -> None:
    assert is_acceptable(result) is acceptable
