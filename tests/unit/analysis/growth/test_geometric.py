"""Geometric growth of a capacity: its steps, when the next is overdue, and its rate."""

import numpy as np
import pytest

from leakcheck.analysis.growth.geometric import (
    CapacityStep,
    capacity_rate,
    find_capacity_steps,
    next_step_due,
    sustained_steps,
)
from leakcheck.analysis.growth.series import Series

CALLS = np.arange(10, 4001, 10, dtype=np.float64)


def doubling(first: float = 8192.0) -> Series:
    """Return 100 bytes per call in a capacity that doubles."""
    return Series(CALLS, first * 2 ** np.ceil(np.log2(np.maximum(100 * CALLS / first, 1))))


def doublings(*calls: float) -> list[CapacityStep]:
    """Return the steps of a capacity that doubles at these calls."""
    return [CapacityStep(call=call, before=100 * call, after=200 * call) for call in calls]


def test_each_doubling_is_a_capacity_step_and_nothing_in_between() -> None:
    steps = find_capacity_steps(doubling())
    assert [step.call for step in steps] == [90, 170, 330, 660, 1320, 2630]
    assert all(step.after == 2 * step.before for step in steps)


def test_a_steady_rise_has_no_capacity_steps_even_if_its_table_doubles() -> None:
    assert find_capacity_steps(Series(CALLS, 100 * CALLS)) == []
    table = 104 * 2 ** np.ceil(np.log2(CALLS * 3 / 2))
    assert [step for step in find_capacity_steps(Series(CALLS, 200 * CALLS + table)) if step.call > 100] == []


def test_a_rise_that_falls_back_is_no_capacity_step() -> None:
    sawtooth = Series(CALLS, 500_000.0 * (CALLS % 700 > 300).astype(np.float64))
    assert [step for step in find_capacity_steps(sawtooth) if step.call < 3500] == []


@pytest.mark.parametrize("calls_per_reading", [7, 23, 38, 57, 95])
def test_a_leak_under_a_sawtooth_has_no_capacity_steps_wherever_the_sawtooth_is_read(calls_per_reading: int) -> None:
    """GIVEN 100 bytes per call under a cache of 1.5 MB that is pruned every 250 calls."""
    calls = np.arange(calls_per_reading, 16_000, calls_per_reading, dtype=np.float64)
    assert find_capacity_steps(Series(calls, 100 * calls + 6000 * (calls % 250)).after(750)) == []


def test_a_step_between_the_first_two_readings_counts() -> None:
    calls = np.array([12.0, 31.0, 50.0, 69.0])
    assert [step.call for step in find_capacity_steps(Series(calls, [0.0, 2048.0, 2048.0, 2048.0]))] == [31]
    assert find_capacity_steps(Series(calls + 400, [0.0, 2048.0, 2048.0, 2048.0])) == []


@pytest.mark.parametrize(("step", "count"), [(511, 0), (512, 1)])
def test_a_capacity_step_is_at_least_half_a_kib(step: float, count: int) -> None:
    assert len(find_capacity_steps(Series(CALLS, step * (CALLS > 300).astype(np.float64)))) == count


@pytest.mark.parametrize(("call", "count"), [(2000, 1), (3000, 0)])
def test_a_capacity_step_is_at_least_one_byte_per_call_so_far(call: float, count: int) -> None:
    assert len(find_capacity_steps(Series(CALLS, 2500.0 * (call < CALLS).astype(np.float64)))) == count


def test_fewer_than_two_readings_have_no_capacity_step() -> None:
    assert find_capacity_steps(Series([], [])) == find_capacity_steps(Series([5], [1e6])) == []


def test_the_next_step_is_overdue_a_quarter_later_than_the_widest_gap_suggests() -> None:
    assert next_step_due([]) == 0
    assert next_step_due(doublings(100, 200)) == 1.25 * 2 * 200
    assert next_step_due(doublings(100, 300, 400)) == 1.25 * 3 * 400


def test_after_a_single_step_the_next_is_expected_within_four_times_the_calls() -> None:
    assert next_step_due([CapacityStep(call=100, before=0, after=1e6)]) == 1.25 * 4 * 100
    assert next_step_due(doublings(100, 1000)) == 1.25 * 4 * 1000


@pytest.mark.parametrize(("bytes_", "by"), [(2048, 1.25 * (19 + 256)), (16 * 1024, 1.25 * (19 + 2048)), (16_385, 95)])
def test_the_next_step_of_a_capacity_large_from_the_start_is_expected_when_its_room_is_used_up(
    bytes_: float, by: float
) -> None:
    # GIVEN a vector of 2 KiB that is full at call 19: eight bytes per call fill as much again in 256 calls
    assert next_step_due([CapacityStep(call=19, before=50_000, after=50_000 + bytes_)]) == by


@pytest.mark.parametrize(
    ("calls", "keeps_up"),
    [((100, 200, 400, 800), True), ((100, 200, 400, 799), False), ((100, 800), False), ((100, 400, 1600), True)],
)
def test_three_steps_over_eight_times_the_calls_keep_up(calls: tuple[float, ...], keeps_up: bool) -> None:
    assert bool(sustained_steps(doublings(*calls))) is keeps_up


def test_steps_before_a_gap_of_more_than_five_times_are_another_growth() -> None:
    assert sustained_steps(doublings(10, 20, 40, 400, 1600, 6400)) == doublings(400, 1600, 6400)


def test_equal_steps_are_objects_kept_now_and_then() -> None:
    equal = [CapacityStep(call=call, before=500 * call, after=500 * call + 9000) for call in (100, 200, 400, 900)]
    assert sustained_steps(equal) == []


def test_steps_that_slow_down_do_not_keep_up() -> None:
    slower = [CapacityStep(call=2.0**n, before=n * n * 5e3, after=(n + 1) ** 2 * 5e3) for n in range(6, 14)]
    assert sustained_steps(slower) == []


def test_the_rate_is_between_the_bytes_per_call_before_and_after_a_step() -> None:
    rate = capacity_rate(sustained_steps(find_capacity_steps(doubling())))
    assert 80 < rate.low <= 100 <= 180 < rate.high <= 200
    assert rate.low < rate.per_call < rate.high


# --- what is a step, on each side of each limit ------------------------------------------------------------------


@pytest.mark.parametrize(("second", "count"), [(1050, 1), (1080, 2)])
def test_a_step_follows_a_plateau_of_a_sixteenth_of_the_calls(second: float, count: int) -> None:
    # GIVEN a step at call 1000 and another after 5 or 7.5 % of the calls
    stairs = 10_000.0 * (CALLS > 1000) + 10_000.0 * (second < CALLS)
    assert len(find_capacity_steps(Series(CALLS, stairs))) == count


@pytest.mark.parametrize(("width", "count"), [(40, 1), (60, 0)])
def test_a_step_takes_at_most_a_sixty_fourth_of_the_calls(width: int, count: int) -> None:
    """A pool that is filled in 40 of 3200 calls was enlarged; what takes 60 is a rise."""
    climb = np.interp(CALLS, [3200, 3200 + width], [0.0, 1e6])
    assert len(find_capacity_steps(Series(CALLS, climb))) == count


@pytest.mark.parametrize(("share", "count"), [(0.2, 1), (0.3, 0)])
def test_what_rises_by_more_than_a_quarter_of_the_step_before_it_is_no_plateau(share: float, count: int) -> None:
    values = share * 100_000 * np.minimum(CALLS, 2000) / 2000 + 100_000 * (CALLS > 2000)
    assert len(find_capacity_steps(Series(CALLS, values))) == count


def test_the_next_step_is_expected_after_the_widest_of_the_last_three_gaps() -> None:
    # GIVEN a gap of three times the calls, and two of less
    assert next_step_due(doublings(100, 300, 400, 500)) == pytest.approx(1.25 * 3 * 500)
    # BUT one that lies further back was of a smaller store
    assert next_step_due(doublings(10, 35, 70, 140, 280)) == pytest.approx(1.25 * 2 * 280)


def chain_of(*sizes: float) -> list[CapacityStep]:
    """Return steps of these sizes, each at twice the calls of the one before; two are in the first quarter."""
    ends = np.cumsum([0.0, *sizes])
    return [
        CapacityStep(call=100 * 2.0**number, before=before, after=before + size)
        for number, (before, size) in enumerate(zip(ends[:-1], sizes, strict=True))
    ]


@pytest.mark.parametrize(("largest", "keeps_up"), [(25_000, True), (15_000, False)])
def test_a_capacity_that_grows_has_steps_twice_as_large_as_in_the_first_quarter(largest: float, keeps_up: bool) -> None:
    assert bool(sustained_steps(chain_of(10_000, 10_000, 12_000, largest))) is keeps_up


@pytest.mark.parametrize(("last", "keeps_up"), [(120_000, True), (280_000, False)])
def test_steps_of_which_the_bytes_per_call_differ_by_more_than_three_times_are_no_one_growth(
    last: float, keeps_up: bool
) -> None:
    # GIVEN 100 bytes per call at the third step, and twice or four times as many at the last
    assert bool(sustained_steps(chain_of(10_000, 10_000, 20_000, last))) is keeps_up


def test_the_rate_is_that_of_the_steps_after_the_first_quarter_of_the_calls() -> None:
    # GIVEN steps at a tenth, a fifth and three tenths of the calls, of which the third counts
    rate = capacity_rate(doublings(100, 200, 300, 1000))
    assert rate.low == pytest.approx((100 * 300 - 100 * 100) / 300)
