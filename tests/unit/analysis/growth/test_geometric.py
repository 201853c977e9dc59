"""Capacity that grows by a factor: when it is one, when it would grow again, and how fast."""

import numpy as np
import pytest

from leakcheck.analysis.growth.geometric import (
    CapacityStep,
    capacity_rate,
    expansions_of,
    keeping_up,
    next_expansion_by,
)
from leakcheck.analysis.growth.series import Series

CALLS = np.arange(10, 4001, 10, dtype=np.float64)


def doubling(first: float = 8192.0) -> Series:
    """100 bytes a call in a store that doubles."""
    return Series(CALLS, first * 2 ** np.ceil(np.log2(np.maximum(100 * CALLS / first, 1))))


def at(*calls: float) -> list[CapacityStep]:
    """Expansions of a store that doubles, at these calls."""
    return [CapacityStep(call=call, before=100 * call, after=200 * call) for call in calls]


def test_each_doubling_is_an_expansion_and_nothing_between_them_is() -> None:
    found = expansions_of(doubling())
    assert [one.call for one in found] == [90, 170, 330, 660, 1320, 2630]
    assert all(one.after == 2 * one.before for one in found)


def test_what_rises_all_along_has_no_expansions_also_where_its_table_doubles() -> None:
    assert expansions_of(Series(CALLS, 100 * CALLS)) == []
    table = 104 * 2 ** np.ceil(np.log2(CALLS * 3 / 2))
    assert [one for one in expansions_of(Series(CALLS, 200 * CALLS + table)) if one.call > 100] == []


def test_what_falls_back_is_no_expansion() -> None:
    teeth = Series(CALLS, 500_000.0 * (CALLS % 700 > 300).astype(np.float64))
    assert [one for one in expansions_of(teeth) if one.call < 3500] == []


@pytest.mark.parametrize("calls_per_reading", [7, 23, 38, 57, 95])
def test_a_leak_under_teeth_has_no_expansions_however_its_teeth_are_read(calls_per_reading: int) -> None:
    """GIVEN 100 bytes a call under a cache of 1.5 MB that is pruned every 250 calls."""
    calls = np.arange(calls_per_reading, 16_000, calls_per_reading, dtype=np.float64)
    assert expansions_of(Series(calls, 100 * calls + 6000 * (calls % 250)).after(750)) == []


def test_a_step_between_the_first_two_readings_is_one() -> None:
    calls = np.array([12.0, 31.0, 50.0, 69.0])
    assert [one.call for one in expansions_of(Series(calls, [0.0, 2048.0, 2048.0, 2048.0]))] == [31]
    assert expansions_of(Series(calls + 400, [0.0, 2048.0, 2048.0, 2048.0])) == []


@pytest.mark.parametrize(("step", "count"), [(511, 0), (512, 1)])
def test_an_expansion_is_half_a_kib_at_least(step: float, count: int) -> None:
    assert len(expansions_of(Series(CALLS, step * (CALLS > 300).astype(np.float64)))) == count


@pytest.mark.parametrize(("call", "count"), [(2000, 1), (3000, 0)])
def test_an_expansion_is_one_byte_for_each_call_so_far_at_least(call: float, count: int) -> None:
    assert len(expansions_of(Series(CALLS, 2500.0 * (call < CALLS).astype(np.float64)))) == count


def test_of_less_than_two_readings_there_is_none() -> None:
    assert expansions_of(Series([], [])) == expansions_of(Series([5], [1e6])) == []


def test_the_next_one_is_overdue_a_quarter_later_than_the_widest_gap_so_far_lets_expect() -> None:
    assert next_expansion_by([]) == 0
    assert next_expansion_by(at(100, 200)) == 1.25 * 2 * 200
    assert next_expansion_by(at(100, 300, 400)) == 1.25 * 3 * 400


def test_after_a_single_one_pools_of_four_times_the_size_are_waited_for_and_nothing_longer() -> None:
    assert next_expansion_by([CapacityStep(call=100, before=0, after=1e6)]) == 1.25 * 4 * 100
    assert next_expansion_by(at(100, 1000)) == 1.25 * 4 * 1000


@pytest.mark.parametrize(("bytes_", "by"), [(2048, 1.25 * (19 + 256)), (16 * 1024, 1.25 * (19 + 2048)), (16_385, 95)])
def test_what_was_large_before_the_first_call_is_waited_for_until_its_room_is_used_up(bytes_: float, by: float) -> None:
    # GIVEN a vector of two kilobytes that is full at call 19: eight bytes a call fill as much again in 256 calls
    assert next_expansion_by([CapacityStep(call=19, before=50_000, after=50_000 + bytes_)]) == by


@pytest.mark.parametrize(
    ("calls", "keeps_up"),
    [((100, 200, 400, 800), True), ((100, 200, 400, 799), False), ((100, 800), False), ((100, 400, 1600), True)],
)
def test_three_over_eight_times_the_calls_keep_up(calls: tuple[float, ...], keeps_up: bool) -> None:
    assert bool(keeping_up(at(*calls))) is keeps_up


def test_those_before_a_gap_of_more_than_five_times_are_another_growth() -> None:
    assert keeping_up(at(10, 20, 40, 400, 1600, 6400)) == at(400, 1600, 6400)


def test_equal_ones_are_what_is_kept_now_and_then() -> None:
    equal = [CapacityStep(call=call, before=500 * call, after=500 * call + 9000) for call in (100, 200, 400, 900)]
    assert keeping_up(equal) == []


def test_what_slows_down_does_not_keep_up() -> None:
    slower = [CapacityStep(call=2.0**n, before=n * n * 5e3, after=(n + 1) ** 2 * 5e3) for n in range(6, 14)]
    assert keeping_up(slower) == []


def test_the_rate_lies_between_what_each_call_needs_before_and_after() -> None:
    rate = capacity_rate(keeping_up(expansions_of(doubling())))
    assert 80 < rate.low <= 100 <= 180 < rate.high <= 200
    assert rate.low < rate.per_call < rate.high
