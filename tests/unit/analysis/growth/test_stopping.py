"""When to look again, with which windows, and when to stop."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.stopping import NextBlock, StopPolicy, is_settled, next_step
from leakcheck.analysis.growth.trend import Slope
from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget, Meter

FIRST = ReplayProgress(calls=1, replay_seconds=0.001, seconds_per_call=0.001)
TAIL = Series([], [])
FLAT = Shape(flat=True, meter=Meter.HEAP, tail=TAIL)
RISING = Shape(rising=True, meter=Meter.HEAP, tail=TAIL)
NEITHER = Shape(meter=Meter.HEAP, tail=TAIL)
BUDGET = Budget(growth_bytes_per_1000_calls=4096.0)


def wanted(progress: ReplayProgress, patience: StopPolicy | None = None) -> NextBlock:
    step = next_step(progress, patience or StopPolicy())
    assert step is not None
    return step


def after(progress: ReplayProgress, step: NextBlock) -> ReplayProgress:
    """Return the progress after a step whose calls cost what calls cost before."""
    reached = progress.calls + step.calls
    return replace(
        progress, calls=reached, replay_seconds=progress.replay_seconds + step.calls * progress.seconds_per_call
    )


def looks(seconds_per_call: float, *, most: int = 30_000, patience: StopPolicy | None = None) -> list[int]:
    """Return the calls at which the readings would be looked at, were they never clear."""
    progress = ReplayProgress(calls=1, replay_seconds=seconds_per_call, seconds_per_call=seconds_per_call)
    seen = []
    while progress.calls < most and (step := next_step(progress, patience or StopPolicy())) is not None:
        progress = after(progress, step)
        seen.append(progress.calls)
    return seen


def test_the_first_block_is_short_and_says_what_a_call_costs() -> None:
    assert wanted(FIRST).calls <= 20


@pytest.mark.parametrize("seconds_per_call", [1e-6, 1e-4, 1e-3])
def test_each_look_sees_about_a_third_more_calls_than_the_one_before(seconds_per_call: float) -> None:
    later = [calls for calls in looks(seconds_per_call) if calls >= 400]
    assert len(later) > 5
    for one, next_one in pairwise(later):
        assert one < next_one <= 1.36 * one + 1


@pytest.mark.parametrize("seconds_per_call", [1e-5, 1e-4, 1e-3, 0.005])
def test_one_look_falls_between_the_standstill_and_a_thousand_calls(seconds_per_call: float) -> None:
    assert [calls for calls in looks(seconds_per_call) if 400 < calls <= 1000]


@pytest.mark.parametrize(
    ("seconds_per_call", "believed"), [(0.0005, 3600), (0.001, 1800), (0.002, 1500), (1e-6, 20_000)]
)
def test_one_look_falls_where_a_rise_is_first_believed(seconds_per_call: float, believed: int) -> None:
    assert believed in looks(seconds_per_call)


@pytest.mark.parametrize("calls", [1, 2, 7, 100, 1234])
def test_no_more_calls_are_replayed_than_were_allowed_and_no_fewer(calls: int) -> None:
    seen = looks(0.001, patience=StopPolicy(calls=calls))
    assert seen[-1:] == ([calls] if calls > 1 else [])
    assert next_step(replace(FIRST, calls=calls), StopPolicy(calls=calls)) is None


def test_when_the_time_is_up_there_is_no_next_step() -> None:
    assert next_step(replace(FIRST, replay_seconds=60.0), StopPolicy(seconds=60.0)) is None
    assert next_step(replace(FIRST, replay_seconds=30.0, watch_seconds=30.0), StopPolicy(seconds=60.0)) is None
    assert next_step(replace(FIRST, replay_seconds=59.9), StopPolicy(seconds=60.0)) is not None


def test_a_dear_call_is_a_window_and_a_step_of_its_own() -> None:
    dear = ReplayProgress(calls=1, replay_seconds=3.0, seconds_per_call=3.0)
    assert wanted(dear) == NextBlock(windows=1, calls_per_window=1, timed_per_window=1)
    assert looks(3.0) == list(range(2, 21))


def test_a_step_takes_two_seconds_or_what_is_left_of_the_time() -> None:
    hundred = ReplayProgress(calls=500, replay_seconds=50.0, seconds_per_call=0.1)
    assert wanted(hundred).calls == 20
    assert wanted(replace(hundred, replay_seconds=59.0), StopPolicy(seconds=60.0)).calls == 10
    assert wanted(replace(hundred, replay_seconds=59.99), StopPolicy(seconds=60.0)).calls == 1


@given(
    calls=st.integers(1, 10**6),
    seconds=st.floats(0, 100),
    cost=st.just(0.0) | st.floats(1e-8, 100),
    reading_cost=st.floats(1e-5, 1),
    most=st.none() | st.integers(1, 10**6),
)
def test_a_step_is_never_empty_and_never_over_the_allowance(
    calls: int, seconds: float, cost: float, reading_cost: float, most: int | None
) -> None:
    progress = ReplayProgress(
        calls=calls, replay_seconds=seconds, seconds_per_call=cost, seconds_per_reading=reading_cost
    )
    step = next_step(progress, StopPolicy(calls=most))
    if seconds >= 60 or (most is not None and calls >= most):
        assert step is None
        return
    assert step is not None
    assert step.windows >= 1
    assert 1 <= step.timed_per_window <= step.calls_per_window
    assert most is None or calls + step.calls <= most
    assert step.calls == 1 or step.calls * cost <= 2.0 + 1e-6


def test_calls_are_timed_one_by_one_unless_the_clock_would_be_felt() -> None:
    def timed(cost: float) -> NextBlock:
        return wanted(ReplayProgress(calls=2000, replay_seconds=1.0, seconds_per_call=cost))

    for cost in (1e-4, 2e-5):
        assert timed(cost).timed_per_window == timed(cost).calls_per_window
    cheap = timed(1e-6)
    # the clock costs 0.2 µs a call, and may cost a hundredth of the calls
    assert cheap.timed_per_window * 200e-9 <= cheap.calls_per_window * 1e-6 / 100 or cheap.timed_per_window == 1


def test_cheap_calls_are_read_rarely_and_dear_ones_after_every_call() -> None:
    cheap = wanted(ReplayProgress(calls=5000, replay_seconds=1.0, seconds_per_call=1e-5, seconds_per_reading=0.3e-3))
    dear = wanted(ReplayProgress(calls=300, replay_seconds=30.0, seconds_per_call=0.1, seconds_per_reading=0.3e-3))
    assert cheap.calls_per_window >= 20
    assert dear.calls_per_window == 1


def test_under_teeth_the_windows_are_short() -> None:
    at = tuple(range(100, 20_001, 100))
    tooth = 1536 * 1024
    toothed = Readings(
        calls=at, python_bytes=tuple(tooth * (call % 1000) // 1000 for call in at), native_bytes=(0,) * 200
    )
    smooth = replace(toothed, python_bytes=(0,) * 200)
    progress = ReplayProgress(
        readings=smooth, calls=20_000, replay_seconds=1.0, seconds_per_call=1e-5, seconds_per_reading=0.3e-3
    )
    assert wanted(replace(progress, readings=toothed)).calls_per_window < wanted(progress).calls_per_window


def rate(per_call: float, doubt: float) -> Slope:
    return Slope(per_call=per_call, low=per_call - doubt, high=per_call + doubt, doubt=doubt)


def settled(shape: Shape, slope: Slope, *, seconds: float = 1.0, budget: Budget = BUDGET) -> bool:
    return is_settled(shape, slope, ReplayProgress(calls=2000, replay_seconds=seconds), budget)


def test_what_neither_stands_still_nor_rises_is_never_settled() -> None:
    assert not settled(NEITHER, rate(0.0, 0.0))
    assert not settled(NEITHER, rate(0.0, 0.0), seconds=59.0)


@pytest.mark.parametrize(("doubt", "expected"), [(5.0, True), (5.1, False)])
def test_a_rise_is_followed_until_its_rate_is_known_to_a_twentieth(doubt: float, expected: bool) -> None:
    assert settled(RISING, rate(100.0, doubt)) is expected


def test_a_standstill_needs_no_precise_rate() -> None:
    assert settled(FLAT, rate(0.5, 1.0))


@pytest.mark.parametrize("shape", [FLAT, RISING])
def test_while_the_budget_lies_within_the_doubt_there_is_more_to_see(shape: Shape) -> None:
    """The budget is 4.096 bytes a call."""
    assert not settled(shape, rate(4.096, 0.1))
    assert settled(shape, rate(4.0, 0.096))
    assert settled(shape, rate(4.3, 0.1))


def test_for_the_sake_of_precision_no_rise_is_followed_longer_than_ten_seconds() -> None:
    assert not settled(RISING, rate(100.0, 50.0), seconds=9.99)
    assert settled(RISING, rate(100.0, 50.0), seconds=10.0)


def test_a_standstill_that_could_hide_more_than_the_budget_is_followed_to_the_end() -> None:
    assert not settled(FLAT, rate(4.096, 1.0), seconds=59.0)
