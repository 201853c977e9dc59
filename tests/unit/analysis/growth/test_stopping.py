"""The stopping rule: which block is next, and when the result is settled."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.stopping import NextBlock, StopPolicy, is_settled, next_block
from leakcheck.analysis.growth.trend import Slope
from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget, Meter

FIRST = ReplayProgress(calls=1, replay_seconds=0.001, seconds_per_call=0.001)
TAIL = Series([], [])
FLAT = Shape(flat=True, meter=Meter.HEAP, tail=TAIL)
RISING = Shape(rising=True, meter=Meter.HEAP, tail=TAIL)
NEITHER = Shape(meter=Meter.HEAP, tail=TAIL)
BUDGET = Budget(growth_bytes_per_1000_calls=4096.0)


def block_after(progress: ReplayProgress, policy: StopPolicy | None = None) -> NextBlock:
    block = next_block(progress, policy or StopPolicy())
    assert block is not None
    return block


def after(progress: ReplayProgress, block: NextBlock) -> ReplayProgress:
    """Return the progress after a block whose calls cost the same as before."""
    reached = progress.calls + block.calls
    return replace(
        progress, calls=reached, replay_seconds=progress.replay_seconds + block.calls * progress.seconds_per_call
    )


def calls_judged(seconds_per_call: float, *, most: int = 30_000, policy: StopPolicy | None = None) -> list[int]:
    """Return the calls at which the readings would be judged if they were never settled."""
    progress = ReplayProgress(calls=1, replay_seconds=seconds_per_call, seconds_per_call=seconds_per_call)
    judged = []
    while progress.calls < most and (block := next_block(progress, policy or StopPolicy())) is not None:
        progress = after(progress, block)
        judged.append(progress.calls)
    return judged


def test_the_first_block_is_short() -> None:
    assert block_after(FIRST).calls <= 20


@pytest.mark.parametrize("seconds_per_call", [1e-6, 1e-4, 1e-3])
def test_readings_are_judged_each_time_after_about_a_third_more_calls(seconds_per_call: float) -> None:
    later = [calls for calls in calls_judged(seconds_per_call) if calls >= 400]
    assert len(later) > 5
    for first, second in pairwise(later):
        assert first < second <= 1.36 * first + 1


@pytest.mark.parametrize("seconds_per_call", [1e-5, 1e-4, 1e-3, 0.005])
def test_readings_are_judged_between_400_and_1000_calls(seconds_per_call: float) -> None:
    assert [calls for calls in calls_judged(seconds_per_call) if 400 < calls <= 1000]


@pytest.mark.parametrize(
    ("seconds_per_call", "believed"), [(0.0005, 3600), (0.001, 1800), (0.002, 1500), (1e-6, 20_000)]
)
def test_readings_are_judged_where_a_rise_is_first_accepted(seconds_per_call: float, believed: int) -> None:
    assert believed in calls_judged(seconds_per_call)


@pytest.mark.parametrize("calls", [1, 2, 7, 100, 1234])
def test_exactly_the_allowed_calls_are_replayed(calls: int) -> None:
    judged = calls_judged(0.001, policy=StopPolicy(calls=calls))
    assert judged[-1:] == ([calls] if calls > 1 else [])
    assert next_block(replace(FIRST, calls=calls), StopPolicy(calls=calls)) is None


def test_there_is_no_next_block_when_the_time_is_up() -> None:
    assert next_block(replace(FIRST, replay_seconds=60.0), StopPolicy(seconds=60.0)) is None
    assert next_block(replace(FIRST, replay_seconds=30.0, watch_seconds=30.0), StopPolicy(seconds=60.0)) is None
    assert next_block(replace(FIRST, replay_seconds=59.9), StopPolicy(seconds=60.0)) is not None


def test_an_expensive_call_is_a_window_and_a_block_of_its_own() -> None:
    expensive = ReplayProgress(calls=1, replay_seconds=3.0, seconds_per_call=3.0)
    assert block_after(expensive) == NextBlock(windows=1, calls_per_window=1, timed_per_window=1)
    assert calls_judged(3.0) == list(range(2, 21))


def test_a_block_takes_two_seconds_or_the_remaining_time() -> None:
    hundred = ReplayProgress(calls=500, replay_seconds=50.0, seconds_per_call=0.1)
    assert block_after(hundred).calls == 20
    assert block_after(replace(hundred, replay_seconds=59.0), StopPolicy(seconds=60.0)).calls == 10
    assert block_after(replace(hundred, replay_seconds=59.99), StopPolicy(seconds=60.0)).calls == 1


@given(
    calls=st.integers(1, 10**6),
    seconds=st.floats(0, 100),
    cost=st.just(0.0) | st.floats(1e-8, 100),
    reading_cost=st.floats(1e-5, 1),
    most=st.none() | st.integers(1, 10**6),
)
def test_a_block_is_never_empty_and_never_exceeds_the_policy(
    calls: int, seconds: float, cost: float, reading_cost: float, most: int | None
) -> None:
    progress = ReplayProgress(
        calls=calls, replay_seconds=seconds, seconds_per_call=cost, seconds_per_reading=reading_cost
    )
    block = next_block(progress, StopPolicy(calls=most))
    if seconds >= 60 or (most is not None and calls >= most):
        assert block is None
        return
    assert block is not None
    assert block.windows >= 1
    assert 1 <= block.timed_per_window <= block.calls_per_window
    assert most is None or calls + block.calls <= most
    assert block.calls == 1 or block.calls * cost <= 2.0 + 1e-6


def test_calls_are_timed_one_by_one_unless_reading_the_clock_costs_too_much() -> None:
    def timed(cost: float) -> NextBlock:
        return block_after(ReplayProgress(calls=2000, replay_seconds=1.0, seconds_per_call=cost))

    for cost in (1e-4, 2e-5):
        assert timed(cost).timed_per_window == timed(cost).calls_per_window
    cheap = timed(1e-6)
    # the clock costs 0.2 µs per call, and may cost 1 % of the calls
    assert cheap.timed_per_window * 200e-9 <= cheap.calls_per_window * 1e-6 / 100 or cheap.timed_per_window == 1


def test_cheap_calls_are_read_rarely_and_expensive_ones_after_every_call() -> None:
    cheap = block_after(
        ReplayProgress(calls=5000, replay_seconds=1.0, seconds_per_call=1e-5, seconds_per_reading=0.3e-3)
    )
    expensive = block_after(
        ReplayProgress(calls=300, replay_seconds=30.0, seconds_per_call=0.1, seconds_per_reading=0.3e-3)
    )
    assert cheap.calls_per_window >= 20
    assert expensive.calls_per_window == 1


def test_windows_are_short_under_a_sawtooth() -> None:
    at = tuple(range(100, 20_001, 100))
    tooth = 1536 * 1024
    sawtooth = Readings(
        calls=at, python_bytes=tuple(tooth * (call % 1000) // 1000 for call in at), native_bytes=(0,) * 200
    )
    smooth = replace(sawtooth, python_bytes=(0,) * 200)
    progress = ReplayProgress(
        readings=smooth, calls=20_000, replay_seconds=1.0, seconds_per_call=1e-5, seconds_per_reading=0.3e-3
    )
    assert block_after(replace(progress, readings=sawtooth)).calls_per_window < block_after(progress).calls_per_window


def readings_in_all(seconds_per_call: float, policy: StopPolicy) -> int:
    """Return how often the meters are read over all calls that the policy allows."""
    progress, readings = replace(FIRST, seconds_per_call=seconds_per_call), 0
    while (block := next_block(progress, policy)) is not None:
        progress, readings = after(progress, block), readings + block.windows
    return readings


def test_few_calls_are_read_often_enough_for_a_verdict_and_not_after_each() -> None:
    # GIVEN 400 calls, so cheap that a reading costs more than twenty of them
    readings = readings_in_all(1e-6, StopPolicy(calls=400))
    # THEN the later three quarters have the sixteen readings that a rise takes, and some to spare
    assert 16 / 0.75 < readings < 50


def test_many_calls_are_read_some_hundred_times() -> None:
    """GIVEN 2000 calls of a second's hundredth, of which each could be read."""
    assert 300 < readings_in_all(0.01, StopPolicy(calls=2000)) < 500


def share_of_readings(progress: ReplayProgress) -> float:
    """Return the time that readings take in the next block, relative to that of the calls."""
    return progress.seconds_per_reading / (block_after(progress).calls_per_window * progress.seconds_per_call)


def test_readings_take_a_sixtieth_of_the_time_and_half_of_it_under_a_sawtooth() -> None:
    progress = ReplayProgress(calls=30_000, replay_seconds=3.0, seconds_per_call=1e-4, seconds_per_reading=0.3e-3)
    assert share_of_readings(progress) == pytest.approx(1 / 60, rel=0.2)
    # GIVEN a cache that is pruned again and again THEN rare readings would look like growth
    at = tuple(range(100, 30_001, 100))
    pruned = Readings(calls=at, python_bytes=tuple(2**20 * (call % 1000) // 1000 for call in at))
    cheap = replace(progress, readings=pruned, seconds_per_call=1e-5)
    assert share_of_readings(cheap) == pytest.approx(1 / 2, rel=0.2)


def test_timing_calls_one_by_one_costs_a_hundredth_of_their_time() -> None:
    cheap = block_after(ReplayProgress(calls=10**6, replay_seconds=1.0, seconds_per_call=1e-6))
    assert cheap.timed_per_window * 200e-9 == pytest.approx(cheap.calls_per_window * 1e-6 / 100, rel=0.2)


def rate(per_call: float, doubt: float) -> Slope:
    return Slope(per_call=per_call, low=per_call - doubt, high=per_call + doubt, uncertainty=doubt)


def settled(shape: Shape, slope: Slope, *, seconds: float = 1.0, budget: Budget = BUDGET) -> bool:
    return is_settled(shape, slope, ReplayProgress(calls=2000, replay_seconds=seconds), budget)


def test_a_series_neither_flat_nor_rising_is_never_settled() -> None:
    assert not settled(NEITHER, rate(0.0, 0.0))
    assert not settled(NEITHER, rate(0.0, 0.0), seconds=59.0)


@pytest.mark.parametrize(("doubt", "expected"), [(5.0, True), (5.1, False)])
def test_a_rise_is_followed_until_its_rate_is_known_to_a_twentieth(doubt: float, expected: bool) -> None:
    assert settled(RISING, rate(100.0, doubt)) is expected


def test_a_plateau_needs_no_precise_rate() -> None:
    assert settled(FLAT, rate(0.5, 1.0))


@pytest.mark.parametrize("shape", [FLAT, RISING])
def test_a_rate_with_the_budget_within_its_bounds_is_not_settled(shape: Shape) -> None:
    """The budget is 4.096 bytes per call."""
    assert not settled(shape, rate(4.096, 0.1))
    assert settled(shape, rate(4.0, 0.096))
    assert settled(shape, rate(4.3, 0.1))


def test_no_rise_is_followed_longer_than_ten_seconds_for_precision() -> None:
    assert not settled(RISING, rate(100.0, 50.0), seconds=9.99)
    assert settled(RISING, rate(100.0, 50.0), seconds=10.0)


def test_a_plateau_that_could_hide_more_than_the_budget_is_followed_to_the_end() -> None:
    assert not settled(FLAT, rate(4.096, 1.0), seconds=59.0)
