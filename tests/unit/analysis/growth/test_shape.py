"""Flat, rising or neither yet: after how many calls, and on which meter."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from leakcheck.analysis.growth.estimate import rate_of
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.shape import Shape, deciding_meter, rising_calls, shape_of, still_calls
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import ResourceKind
from leakcheck.model.result import Meter

PAGE = 4096
KIB = 1024


def progress(
    calls: int,
    *,
    heap: float | None = 0.0,
    rss: float = 0.0,
    blocks: float = 0.0,
    every: int = 10,
    seconds_per_call: float = 0.001,
    stirs: bool = False,
) -> ReplayProgress:
    """Return readings up to `calls` that rise by these bytes (blocks) per call, resident ones in pages.

    With `stirs`, every other reading is 16 bytes higher: flat, but not perfectly.
    """
    calls_read = np.arange(every, calls + 1, every)

    def column(rate: float, unit: int = 1) -> tuple[int, ...]:
        return tuple((rate * calls_read // unit * unit).astype(int).tolist())

    readings = Readings(
        calls=tuple(calls_read.tolist()),
        python_bytes=() if heap is None else column(heap),
        native_bytes=() if heap is None else tuple(16 * stirs * (number % 2) for number in range(len(calls_read))),
        blocks=column(blocks),
        rss_bytes=column(rss, PAGE),
    )
    return ReplayProgress(readings=readings, calls=calls, seconds_per_call=seconds_per_call)


def state_of(shape: Shape) -> str:
    assert not (shape.flat and shape.rising)
    return "flat" if shape.flat else "rising" if shape.rising else "neither"


@pytest.mark.parametrize(("calls", "expected"), [(390, "neither"), (400, "neither"), (410, "flat")])
def test_a_plateau_is_accepted_after_more_than_400_calls(calls: int, expected: str) -> None:
    assert state_of(shape_of(progress(calls, seconds_per_call=0.01, stirs=True))) == expected


@pytest.mark.parametrize(("calls", "expected"), [(790, "neither"), (800, "flat")])
def test_800_cheap_calls_are_always_replayed(calls: int, expected: str) -> None:
    assert state_of(shape_of(progress(calls, stirs=True))) == expected


@pytest.mark.parametrize(
    ("seconds_per_call", "calls"), [(0.1, 200), (0.0008, 200), (0.0004, 400), (0.0002, 500), (1e-6, 500)]
)
def test_if_nothing_moves_at_all_200_calls_suffice_unless_they_are_cheap(seconds_per_call: float, calls: int) -> None:
    assert round(still_calls(seconds_per_call)) == calls
    assert state_of(shape_of(progress(calls, seconds_per_call=seconds_per_call))) == "flat"
    assert state_of(shape_of(progress(calls - 10, seconds_per_call=seconds_per_call))) == "neither"


@pytest.mark.parametrize("name", ["native_bytes", "blocks", "rss_bytes", *ResourceKind])
def test_a_plateau_on_which_one_meter_moved_once_is_not_perfect(name: str) -> None:
    """GIVEN 200 calls, of which the last 180 count WHEN one meter moves in the 30th, or in the 10th."""
    still = progress(200)

    def moved(call: int) -> ReplayProgress:
        column = tuple(500 * (calls > call) for calls in still.readings.calls)
        counts = {ResourceKind(name): column} if name in list(ResourceKind) else {}
        return replace(still, readings=replace(still.readings, **({"counts": counts} if counts else {name: column})))

    assert state_of(shape_of(moved(30))) == "neither"
    assert state_of(shape_of(moved(10))) == "flat"


def test_a_plateau_of_few_readings_or_without_a_native_meter_is_not_accepted_early() -> None:
    assert state_of(shape_of(progress(200, every=20))) == "flat"
    assert state_of(shape_of(progress(200, every=40))) == "neither"
    assert state_of(shape_of(progress(200, heap=None))) == "neither"


def test_a_perfect_plateau_may_hide_one_small_object_over_its_calls() -> None:
    rate = rate_of(shape_of(progress(200)))
    assert rate.per_call == 0
    assert rate.high == pytest.approx(48 / 180)


@pytest.mark.parametrize(
    ("seconds_per_call", "calls", "expected"),
    [(0.1, 200, "neither"), (0.1, 201, "flat"), (5.0, 40, "neither"), (5.0, 41, "flat")],
)
def test_expensive_calls_are_followed_for_twenty_seconds_and_at_least_forty_calls(
    seconds_per_call: float, calls: int, expected: str
) -> None:
    assert state_of(shape_of(progress(calls, every=1, seconds_per_call=seconds_per_call, stirs=True))) == expected


@pytest.mark.parametrize(("calls", "expected"), [(790, "neither"), (800, "flat")])
def test_an_early_plateau_must_be_flatter(calls: int, expected: str) -> None:
    """GIVEN one byte per call, less than any leak, THEN it counts as flat, but only from 800 calls on."""
    assert state_of(shape_of(progress(calls, heap=1.0, seconds_per_call=0.01))) == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.4, "flat"), (0.6, "neither")])
def test_an_early_plateau_is_flat_to_half_a_byte_per_call(rate: float, expected: str) -> None:
    assert state_of(shape_of(progress(600, heap=rate, seconds_per_call=0.01))) == expected


@pytest.mark.parametrize(("calls", "expected"), [(430, "neither"), (460, "flat")])
def test_calls_are_replayed_for_nearly_a_second_if_that_is_less_than_800_of_them(calls: int, expected: str) -> None:
    """GIVEN calls of 1.8 ms, of which 444 fit into 0.8 s."""
    assert state_of(shape_of(progress(calls, seconds_per_call=0.0018, stirs=True))) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(9.0, "neither"), (11.0, "flat")])
def test_a_second_capacity_step_is_waited_for_ten_seconds(seconds: float, expected: str) -> None:
    # GIVEN a store that was enlarged once, at call 300 of 1000
    still = progress(1000, seconds_per_call=0.01, stirs=True)
    enlarged = tuple(2**20 * (call > 300) for call in still.readings.calls)
    readings = replace(still.readings, python_bytes=enlarged)
    assert state_of(shape_of(replace(still, readings=readings, replay_seconds=seconds))) == expected


@pytest.mark.parametrize(("times", "expected"), [(3, "flat"), (5, "rising")])
def test_pages_that_a_heap_leaves_behind_are_up_to_four_times_its_amplitude(times: int, expected: str) -> None:
    # GIVEN a heap that goes up and down by 200 KiB, and pages that rise by so many times as much in 1500 calls
    amplitude = 200 * KIB
    replayed = progress(2000, rss=times * amplitude / 1500)
    up_and_down = tuple(amplitude * (number % 2 == 0) for number in range(len(replayed.readings.calls)))
    replayed = replace(replayed, readings=replace(replayed.readings, python_bytes=up_and_down))
    assert state_of(shape_of(replayed)) == expected


@pytest.mark.parametrize(
    ("seconds_per_call", "calls"), [(1.0, 1500), (0.00121, 1500), (0.001, 1800), (0.00009, 20_000), (1e-7, 20_000)]
)
def test_a_straight_line_is_followed_for_nearly_two_seconds_between_1500_and_20000_calls(
    seconds_per_call: float, calls: int
) -> None:
    assert round(rising_calls(seconds_per_call)) == calls
    at_the_limit = progress(calls, heap=16.0, seconds_per_call=seconds_per_call)
    before = progress(calls - 10, heap=16.0, seconds_per_call=seconds_per_call)
    assert state_of(shape_of(at_the_limit)) == "rising"
    assert state_of(shape_of(before)) == "neither"


def test_at_the_end_the_calls_that_fitted_suffice() -> None:
    for expected, rate in (("rising", 5000.0), ("flat", 0.0)):
        expensive = progress(30, heap=rate, every=1, seconds_per_call=2.0)
        assert state_of(shape_of(expensive)) == "neither"
        assert state_of(shape_of(expensive, final=True)) == expected


@pytest.mark.parametrize("calls", [0, 1, 2, 5])
def test_very_few_readings_are_neither_flat_nor_rising_even_at_the_end(calls: int) -> None:
    assert state_of(shape_of(progress(calls, heap=5000.0, every=1), final=True)) == "neither"


def test_the_rate_of_a_rise_is_that_of_the_later_three_quarters_and_of_a_plateau_that_of_its_tail() -> None:
    assert shape_of(progress(2000, heap=16.0)).tail.calls[0] == 500
    assert shape_of(progress(600, seconds_per_call=0.01, stirs=True)).tail.calls[0] == 200


def test_pages_that_rise_steadily_over_a_flat_heap_are_a_rise() -> None:
    shape = shape_of(progress(2000, rss=KIB))
    assert state_of(shape) == "rising"
    assert shape.meter is Meter.RSS


def test_a_flat_heap_is_not_called_flat_while_pages_rise_for_too_few_calls_to_tell() -> None:
    assert state_of(shape_of(progress(1000, rss=KIB))) == "neither"


@pytest.mark.parametrize(("rate", "expected"), [(160.0, "flat"), (190.0, "rising")])
def test_pages_count_from_256_kib_on(rate: float, expected: str) -> None:
    """The later 1500 of 2000 calls gain 234 KiB at 160 bytes per call, and 278 KiB at 190."""
    assert state_of(shape_of(progress(2000, rss=rate))) == expected


@pytest.mark.parametrize(("rate", "expected"), [(62.0, "flat"), (68.0, "rising")])
def test_pages_count_from_64_bytes_a_call_on(rate: float, expected: str) -> None:
    assert state_of(shape_of(progress(8000, rss=rate, every=20, seconds_per_call=0.01))) == expected


@pytest.mark.parametrize(("rss", "meter"), [(1000.0, Meter.HEAP), (1900.0, Meter.HEAP), (2200.0, Meter.RSS)])
def test_the_heap_decides_unless_pages_rise_at_over_twice_its_rate(rss: float, meter: Meter) -> None:
    shape = shape_of(progress(2000, heap=1000.0, rss=rss))
    assert state_of(shape) == "rising"
    assert shape.meter is meter


def test_where_there_are_only_blocks_they_decide_and_pages_that_agree_do_not_take_over() -> None:
    shape = shape_of(progress(2000, heap=None, blocks=2.0, rss=160.0))
    assert state_of(shape) == "rising"
    assert shape.meter is Meter.BLOCKS


def test_where_there_are_only_blocks_pages_far_beyond_them_decide() -> None:
    shape = shape_of(progress(2000, heap=None, blocks=1.0, rss=10_000.0))
    assert shape.meter is Meter.RSS


@pytest.mark.parametrize(("rate", "expected"), [(0.0, "flat"), (0.15, "flat"), (0.25, "rising"), (1.0, "rising")])
def test_the_smallest_rise_of_blocks_is_one_in_five_calls(rate: float, expected: str) -> None:
    assert state_of(shape_of(progress(2000, heap=None, blocks=rate))) == expected


@pytest.mark.parametrize(
    ("python", "native", "meter", "column"),
    [
        ((1, 2), (10, 20), Meter.HEAP, (11, 22)),
        ((1, 2), (), Meter.HEAP, (1, 2)),
        ((), (), Meter.BLOCKS, (7, 8)),
    ],
)
def test_the_best_available_meter_decides(
    python: Sequence[int], native: Sequence[int], meter: Meter, column: tuple[int, ...]
) -> None:
    readings = Readings(calls=(1, 2), python_bytes=tuple(python), native_bytes=tuple(native), blocks=(7, 8))
    assert deciding_meter(readings) == (meter, column)
