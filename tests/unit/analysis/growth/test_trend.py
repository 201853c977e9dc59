"""The growth rule on series with a known truth: flat, rising, sawtooth, and at which rate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.trend import (
    CHUNKS,
    _slows_at_the_end,
    falls_like_a_sawtooth,
    has_sawtooth,
    is_flat,
    is_rising,
    least_rate,
    plateau_rate,
    slope,
)

CALLS = np.arange(0.0, 801.0, 10.0)
TOOTH = 1536 * 1024


def steady(rate: float, calls: NDArray[np.float64] = CALLS) -> Series:
    return Series(calls, rate * calls)


def test_chunks_are_stretches_of_equally_many_calls_that_lose_no_reading() -> None:
    chunks = steady(1.0).chunks(CHUNKS)
    assert len(chunks) == CHUNKS
    assert [chunk.calls[0] for chunk in chunks] == [0, 100, 200, 300, 400, 500, 600, 700]
    assert sum(map(len, chunks)) == len(CALLS)


def test_a_chunk_without_readings_is_left_out() -> None:
    gap = Series([0, 1, 2, 98, 99, 100], [0] * 6)
    assert [len(chunk) for chunk in gap.chunks(4)] == [3, 3]


def test_a_floor_is_the_lowest_reading_of_its_chunk_where_it_was_read() -> None:
    floors = Series(range(8), [5, 3, 9, 7, 2, 8, 6, 6]).floors(2)
    assert floors.calls == (1, 4)
    assert floors.values == (3, 2)


def test_a_series_after_a_call_starts_with_that_call() -> None:
    assert steady(1.0).after(780).calls == (780, 790, 800)
    assert len(steady(1.0).after(801)) == 0


@pytest.mark.parametrize(("readings", "flat"), [(11, False), (12, True)])
def test_a_plateau_needs_six_readings_in_each_half(readings: int, flat: bool) -> None:
    assert is_flat(Series(range(readings), [7] * readings)) is flat


@pytest.mark.parametrize(
    ("rate", "flat"), [(0.0, True), (3.9, True), (-3.9, True), (4.1, False), (-4.1, False), (16.0, False)]
)
def test_a_plateau_changes_by_less_than_four_bytes_per_call(rate: float, flat: bool) -> None:
    assert is_flat(steady(rate)) is flat


def test_a_single_step_is_neither_a_plateau_nor_a_steady_rise() -> None:
    step = Series(CALLS, np.where(CALLS >= 500, 1024.0**2, 0.0))
    assert not is_flat(step)
    assert not is_rising(step)


def test_a_regular_sawtooth_is_flat() -> None:
    sawtooth = Series(CALLS, TOOTH * (CALLS % 100) / 100)
    assert has_sawtooth(sawtooth)
    assert is_flat(sawtooth)
    assert not is_rising(sawtooth)


def test_a_single_rising_tooth_is_not_flat_although_its_floors_are() -> None:
    """GIVEN memory that fell a moment ago and has risen since THEN its floors alone would look flat."""
    tooth = Series(CALLS, TOOTH * ((CALLS + 350) % 800) / 800)
    assert not is_flat(tooth)


def test_a_leak_under_a_sawtooth_rises_and_is_not_flat() -> None:
    hidden = Series(CALLS, TOOTH * (CALLS % 50) / 50 + 2000 * CALLS)
    assert not is_flat(hidden)
    assert is_rising(hidden)


@pytest.mark.parametrize(("readings", "rising"), [(15, False), (16, True)])
def test_a_rise_needs_two_readings_in_each_chunk(readings: int, rising: bool) -> None:
    assert is_rising(Series(range(readings), [100.0 * call for call in range(readings)])) is rising


@pytest.mark.parametrize(("rate", "rising"), [(3.9, False), (4.1, True), (-100.0, False), (0.0, False)])
def test_a_rise_is_at_least_four_bytes_per_call(rate: float, rising: bool) -> None:
    assert is_rising(steady(rate)) is rising


@pytest.mark.parametrize(("late", "rising"), [(7.4, False), (7.6, True), (10.0, True), (30.0, True)])
def test_a_rise_may_slow_down_to_three_quarters(late: float, rising: bool) -> None:
    """GIVEN floors that rise by 10 per call, and by `late` per call from the middle on."""
    bent = Series(CALLS, np.where(CALLS <= 350, 10.0 * CALLS, 3500 + late * (CALLS - 350)))
    assert is_rising(bent) is rising


def test_one_chunk_that_does_not_rise_is_enough_for_no_rise() -> None:
    values = 100.0 * CALLS
    values[CALLS >= 700] = values[CALLS == 600]
    assert not is_rising(Series(CALLS, values))


def test_a_cache_that_fills_with_random_keys_slows_down_and_does_not_rise() -> None:
    filling = Series(CALLS, 100 * 300 * (1 - np.exp(-CALLS / 300)))
    assert not is_rising(filling)


@pytest.mark.parametrize("left", [0.0, 40.0, 200.0])
@pytest.mark.parametrize("full_at", [500, 600, 690, 700, 740, 770])
def test_a_rise_that_slowed_down_within_the_last_chunks_does_not_count(full_at: int, left: float) -> None:
    # GIVEN a cache that gains 400 bytes per call until it is full, beside a leak
    calls = np.arange(0.0, 801.0)
    filled = [400 * min(call, full_at) + left * call + 48 * (call > full_at) for call in calls]
    assert not is_rising(Series(calls, filled))
    assert is_rising(steady(400 + left))


def test_the_bounds_include_the_rate_of_the_last_calls_if_a_rise_slowed_down_a_little() -> None:
    calls = np.arange(0.0, 801.0)
    estimate = slope(Series(calls, [400 * min(call, 690) + 4000 * call for call in calls]))
    assert estimate.low <= 4000
    assert estimate.high < 4410


@pytest.mark.parametrize("often", [1.0, 0.5, 0.3])
def test_a_random_leak_has_slow_stretches_all_along_and_rises(often: float) -> None:
    # GIVEN leaks in random calls THEN an end that looks slow is rare
    drawn = np.random.default_rng(7)
    leaks = [Series(range(1500), np.cumsum(np.where(drawn.random(1500) < often, 400, 0)).tolist()) for _ in range(40)]
    assert sum(map(is_rising, leaks)) >= 38


def test_the_least_rate_is_that_of_the_slowest_stretch() -> None:
    assert least_rate(steady(2.0), 0.1) == 2
    assert least_rate(Series(CALLS, TOOTH * (CALLS % 50) / 50), 0.5) < 0
    assert least_rate(Series([5.0], [1.0]), 0.5) == 0


@pytest.mark.parametrize("factor", [1.125, 1.5, 2.0])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.6, 0.9])
def test_steps_at_growing_distances_do_not_count_as_slowing_down(factor: float, phase: float) -> None:
    # GIVEN tables that are enlarged by a factor whenever they are full: the last plateau is the longest
    calls = np.arange(1000.0, 4001.0, 10)
    steps = np.floor(np.log(calls) / math.log(factor) + phase)
    assert not _slows_at_the_end(Series(calls, 100 * factor**steps), smallest_rate=4.0)


def test_rare_big_leaks_and_doubling_tables_rise() -> None:
    rare = np.floor(CALLS / 45) * 5000.0
    assert is_rising(Series(CALLS, rare))
    table = 36.0 * 2 ** np.ceil(np.log2(np.maximum(CALLS, 8) * 1.5))
    assert is_rising(Series(CALLS, 100.0 * CALLS + table).after(200))


@given(
    rate=st.floats(16, 1e6),
    data=st.data(),
    step=st.integers(1, 50),
)
def test_no_bounded_noise_makes_a_leak_of_an_object_look_flat(rate: float, data: st.DataObject, step: int) -> None:
    """GIVEN a constant rate, and noise of up to a quarter of the gain, THEN it is not flat."""
    calls = np.arange(0.0, 40.0 * step, float(step))
    most = rate * calls[-1] / 4
    noise = data.draw(st.lists(st.floats(0, 1), min_size=len(calls), max_size=len(calls)))
    assert not is_flat(Series(calls, rate * calls + most * np.array(noise)))


@given(
    warm_up=st.lists(st.floats(0, 1e9), max_size=60),
    level=st.floats(0, 1e9),
)
def test_no_warm_up_that_ends_makes_a_constant_series_look_rising(warm_up: list[float], level: float) -> None:
    values = np.array([*warm_up, *[level] * (len(CALLS) - len(warm_up))])
    assert not is_rising(Series(CALLS, values))


@pytest.mark.parametrize("rate", [0.0, 16.0, 97.0, 1440.0, -50.0, 1e6])
def test_the_slope_of_a_constant_step_is_exact_up_to_one_object_over_all_calls(rate: float) -> None:
    estimate = slope(steady(rate))
    assert estimate.per_call == pytest.approx(rate)
    assert estimate.uncertainty == pytest.approx(48 / 800, abs=1e-6)
    assert estimate.low == pytest.approx(rate - 48 / 800)
    assert estimate.high == pytest.approx(rate + 48 / 800)


@given(
    rate=st.floats(-1e5, 1e5),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_bounds_contain_the_true_rate_under_uniform_noise(rate: float, seed: int) -> None:
    """The interval has 95 % confidence; the error never exceeds three times its width."""
    noise = np.random.default_rng(seed).uniform(0, 1000, len(CALLS))
    estimate = slope(Series(CALLS, rate * CALLS + noise))
    assert estimate.low <= estimate.per_call <= estimate.high
    assert abs(estimate.per_call - rate) <= 3 * (estimate.high - estimate.low)


@pytest.mark.parametrize("readings", [40, 100, 400])
def test_the_bounds_contain_the_true_rate_at_least_nine_times_in_ten(readings: int) -> None:
    calls, held = np.linspace(500.0, 495.0 + 5 * readings, readings), 0
    for seed in range(300):
        estimate = slope(Series(calls, 200 * calls + np.random.default_rng(seed).uniform(0, 1000, readings)))
        held += estimate.low <= 200 <= estimate.high
    assert held >= 0.88 * 300


@pytest.mark.parametrize(
    ("readings", "rate", "error", "t"),
    [
        (81, 2095.9063414634147, 219.0291442602714, 1.9904502102301285),
        (801, 2001.0099694583769, 6.937311043099774, 1.9629374611056076),
    ],
)
def test_under_a_sawtooth_the_line_goes_through_all_readings(
    readings: int, rate: float, error: float, t: float
) -> None:
    """THEN it is the line that `scipy.stats.linregress` of SciPy 1.17.1 finds, with its standard error."""
    calls = 10.0 * np.arange(readings)
    estimate = slope(Series(calls, TOOTH * (calls % 150) / 150 + 2000 * calls), resolution=0)
    assert estimate.per_call == pytest.approx(rate, rel=1e-12)
    assert estimate.uncertainty == pytest.approx(t * error, rel=1e-12)


def test_a_single_doubling_of_a_table_widens_the_bounds_and_not_the_rate() -> None:
    doubled = slope(Series(CALLS, 100.0 * CALLS + np.where(CALLS >= 450, 40_000, 0)))
    assert doubled.per_call == pytest.approx(100)
    assert doubled.low <= 100
    assert doubled.high >= 100 + 40_000 / 800
    assert doubled.uncertainty == pytest.approx(48 / 800, abs=0.01)


@pytest.mark.parametrize("step_bytes", [4096, 32_768, 262_144])
@given(phase=st.floats(0, 1))
def test_a_stair_of_equal_steps_has_its_rate_wherever_the_floors_are(step_bytes: int, phase: float) -> None:
    """GIVEN an arena that takes a pool now and then THEN two steps in one chunk do not count as a jump."""
    calls = np.unique(np.geomspace(5000, 20_000, 250).astype(int)).astype(float)
    stair = slope(Series(calls, (24.0 * calls / step_bytes + phase) // 1 * step_bytes))
    assert stair.low <= 24.0 <= stair.high
    # a step more or less over all calls, and the uncertainty of a line through eight floors
    assert abs(stair.per_call - 24.0) <= 1.0 * step_bytes / 15_000


def test_fewer_than_two_readings_have_infinite_bounds() -> None:
    for series in (Series([], []), Series([5], [100]), Series([5, 5], [100, 200])):
        estimate = slope(series)
        assert (estimate.low, estimate.high, estimate.uncertainty) == (-math.inf, math.inf, math.inf)


@pytest.mark.parametrize("readings", [2, 3])
def test_two_or_three_readings_leave_an_uncertainty_as_large_as_the_rate(readings: int) -> None:
    estimate = slope(Series(range(readings), [100.0 * call for call in range(readings)]))
    assert estimate.per_call == 100
    assert estimate.low < 0 < 200 < estimate.high


def test_the_rate_of_a_plateau_is_the_change_of_level_between_its_halves() -> None:
    still = plateau_rate(steady(0.0))
    assert still.per_call == 0.0
    assert -still.low == still.high == pytest.approx(48 / 800)
    rising = plateau_rate(steady(2.0))
    assert rising.per_call == pytest.approx(2.0, rel=0.05)
    assert rising.low <= 0


def test_the_bounds_of_a_plateau_are_wider_under_a_sawtooth() -> None:
    sawtooth = plateau_rate(Series(CALLS, TOOTH * (CALLS % 100) / 100))
    assert sawtooth.low < 0 < sawtooth.high
    assert sawtooth.high > 50 * plateau_rate(steady(0.0)).high


@pytest.mark.parametrize(("height", "is_sawtooth"), [(64 * 1024 - 1, False), (64 * 1024, True)])
def test_a_tooth_is_at_least_64_kib_high(height: float, is_sawtooth: bool) -> None:
    series = np.zeros(20)
    series[10:13] = [height / 2, height, 0]
    assert has_sawtooth(Series(range(20), series)) is is_sawtooth


@pytest.mark.parametrize(("fall", "is_sawtooth"), [(0.24, False), (0.25, True)])
def test_a_tooth_falls_back_by_a_quarter_of_the_rise(fall: float, is_sawtooth: bool) -> None:
    series = np.linspace(0, TOOTH, 20)
    series[10] = series[9] - fall * TOOTH
    assert has_sawtooth(Series(range(20), series)) is is_sawtooth


# --- ends of a rise, on each side of what can be told ------------------------------------------------------------


def full(rate: float, share: float) -> Series:
    """Return a cache that fills at a rate, and has been full for this share of 1600 calls."""
    calls = np.arange(0.0, 1601.0)
    return Series(calls, rate * np.minimum(calls, 1600 * (1 - share)))


@pytest.mark.parametrize(
    ("rate", "share", "rises"),
    [
        (400.0, 0.019, False),  # the last sixteenth shows a fast rise that ended before the last hundredth
        (400.0, 0.012, True),
        (7.0, 0.11, False),  # the last eighth shows a rise that is too slow for a sixteenth
        (4.5, 0.19, False),  # and the last quarter one that is too slow for an eighth
        (4.5, 0.0, True),
    ],
)
def test_the_slower_a_rise_the_longer_it_must_have_ended(rate: float, share: float, rises: bool) -> None:
    assert is_rising(full(rate, share)) is rises


@pytest.mark.parametrize(("noise", "low"), [(200, 397.0), (300, 399.94)])
def test_a_slower_end_counts_if_noise_does_not_explain_it(noise: int, low: float) -> None:
    """GIVEN 400 bytes per call, and 397 since call 750: by three standard errors of the last calls, or by two."""
    calls = np.arange(0.0, 801.0)
    bent = 400 * np.minimum(calls, 750) + 397 * np.maximum(calls - 750, 0) + noise * (np.arange(801) % 2)
    assert slope(Series(calls, bent)).low == pytest.approx(low, abs=0.05)


@pytest.mark.parametrize(("readings", "low"), [(33, 350.0), (57, 300.0)])
def test_three_readings_at_the_end_do_not_tell_that_a_rise_became_slower(readings: int, low: float) -> None:
    """GIVEN 400 bytes per call, and 300 in the last sixteenth, which has three readings or four."""
    calls = 10 * np.arange(0.0, readings)
    end = calls[-1] * 15 / 16
    bent = 400 * np.minimum(calls, end) + 300 * np.maximum(calls - end, 0)
    assert slope(Series(calls, bent)).low == pytest.approx(low)


@pytest.mark.parametrize(("excess", "is_jump"), [(10.0, False), (16.0, True)])
def test_a_table_that_doubled_is_told_from_noise_by_six_median_deviations(excess: float, is_jump: bool) -> None:
    # GIVEN a hundred bytes per call, from chunk to chunk one more or less, and in one chunk so many more
    rates = np.array([99, 101, 99, 101, 100 + excess, 99, 101, 99])
    grown = slope(Series(np.arange(0.0, 801.0), [0, *np.cumsum(np.repeat(rates, 100))]))
    assert (grown.per_call < 101) is is_jump


@pytest.mark.parametrize(("fallen", "is_sawtooth"), [(0.15, False), (0.25, True)])
def test_a_sawtooth_gives_back_a_fifth_of_what_it_gains(fallen: float, is_sawtooth: bool) -> None:
    steps = [10.0, 10.0, -20 * fallen] * 20
    assert falls_like_a_sawtooth(Series(range(61), [0, *np.cumsum(steps)])) is is_sawtooth
