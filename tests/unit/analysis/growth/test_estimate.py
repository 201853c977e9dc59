"""Growth in bytes per 1000 calls on every meter, and the call at which a growth ended."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leakcheck.analysis.growth.estimate import estimate_growth, rate_of, settled_after
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.shape import shape_of
from leakcheck.model.answers import Block, Readings
from leakcheck.model.result import Meter

CALLS = np.arange(10.0, 2001.0, 10.0)
KIB = 1024


def integers(values: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def progress(
    python: NDArray[np.float64] | None = None,
    *,
    native: NDArray[np.float64] | None = None,
    blocks: NDArray[np.float64] | None = None,
    rss: NDArray[np.float64] | None = None,
    exact: bool = True,
) -> ReplayProgress:
    """Return the readings of 2000 calls of a millisecond, zeros by default."""
    nothing = np.zeros(len(CALLS))
    readings = Readings(
        calls=integers(CALLS),
        python_bytes=integers(nothing if python is None else python) if exact else (),
        native_bytes=integers(nothing if native is None else native) if exact else (),
        blocks=integers(nothing if blocks is None else blocks),
        rss_bytes=integers(nothing if rss is None else rss),
    )
    return ReplayProgress(readings=readings, calls=2000, replay_seconds=2.0, seconds_per_call=0.001)


def test_growth_is_per_1000_calls_with_the_rates_of_the_other_meters() -> None:
    replayed = progress(100.0 * CALLS, native=28.0 * CALLS, blocks=2.0 * CALLS, rss=120.0 * CALLS)
    growth = estimate_growth(replayed, shape_of(replayed))
    assert growth.meter is Meter.HEAP
    assert growth.bytes_per_1000_calls == pytest.approx(128_000)
    assert growth.low < 128_000 < growth.high
    assert growth.high - growth.low == pytest.approx(2 * 1000 * 48 / 1500, rel=0.01)
    assert growth.heap_bytes_per_1000_calls == pytest.approx(128_000)
    assert growth.rss_bytes_per_1000_calls == pytest.approx(120_000)
    assert growth.blocks_per_1000_calls == pytest.approx(2000)
    assert growth.calls == 2000


def test_growth_of_pages_is_known_to_a_page_over_the_calls_seen() -> None:
    replayed = progress(rss=1024.0 * CALLS)
    growth = estimate_growth(replayed, shape_of(replayed))
    assert growth.meter is Meter.RSS
    assert growth.bytes_per_1000_calls == pytest.approx(1_024_000)
    assert growth.heap_bytes_per_1000_calls == pytest.approx(0)
    assert growth.high - growth.low == pytest.approx(2 * 1000 * 4096 / 1500, rel=0.01)


def test_growth_of_blocks_is_64_bytes_per_block_with_bounds_of_16_and_512() -> None:
    replayed = progress(blocks=1.0 * CALLS, exact=False)
    growth = estimate_growth(replayed, shape_of(replayed))
    assert growth.meter is Meter.BLOCKS
    assert growth.bytes_per_1000_calls == pytest.approx(64_000)
    assert growth.low == pytest.approx(16_000, rel=0.01)
    assert growth.high == pytest.approx(512_000, rel=0.01)
    assert growth.heap_bytes_per_1000_calls is None


def test_a_falling_number_of_blocks_has_ordered_bounds() -> None:
    replayed = progress(blocks=5000 - 1.0 * CALLS, exact=False)
    rate = rate_of(replace(shape_of(replayed), flat=False))
    assert rate.low < rate.per_call < rate.high < 0


def test_without_readings_the_bounds_are_the_widest_that_are_written() -> None:
    nothing = ReplayProgress(calls=1)
    growth = estimate_growth(nothing, shape_of(nothing, final=True))
    assert (growth.low, growth.bytes_per_1000_calls, growth.high) == (-1e15, 0.0, 1e15)
    assert growth.rss_bytes_per_1000_calls is None
    assert math.isfinite(growth.blocks_per_1000_calls)


def ends(end: int, *, bytes_in_all: float, begins: int = 0) -> NDArray[np.float64]:
    """Return a series that rises evenly from one call to another, and is then flat."""
    return np.asarray(np.interp(CALLS, [begins, end], [0.0, bytes_in_all]), dtype=np.float64)


def test_the_call_at_which_growth_ended_is_returned() -> None:
    replayed = progress(ends(1000, bytes_in_all=1e6))
    assert settled_after(replayed, shape_of(replayed)) == 1000


@pytest.mark.parametrize(("bytes_in_all", "settled"), [(64 * KIB - 1, None), (64 * KIB, 500)])
def test_growth_by_less_than_64_kib_does_not_count(bytes_in_all: float, settled: int | None) -> None:
    replayed = progress(ends(500, begins=100, bytes_in_all=bytes_in_all))
    assert settled_after(replayed, shape_of(replayed)) == settled


def test_growth_in_the_first_hundred_calls_is_warm_up() -> None:
    replayed = progress(ends(100, bytes_in_all=1e9))
    assert settled_after(replayed, shape_of(replayed)) is None


def test_memory_that_still_grows_has_not_settled() -> None:
    replayed = progress(1000.0 * CALLS)
    assert settled_after(replayed, shape_of(replayed)) is None


def test_progress_adds_up_blocks_and_has_the_costs_of_the_newest() -> None:
    def block(calls: int, *, seconds: float, readings: tuple[int, ...]) -> Block:
        return Block(
            readings=Readings(calls=readings, blocks=readings),
            calls=calls,
            latencies_ns=(),
            replay_seconds=seconds,
            settle_seconds=0.5,
            set_aside_seconds=0.25,
        )

    replayed = ReplayProgress().after(block(1, seconds=2.0, readings=()))
    assert (replayed.calls, replayed.seconds_per_call, replayed.seconds) == (1, 2.0, 2.75)
    reading_seconds = replayed.seconds_per_reading
    assert reading_seconds > 0
    replayed = replayed.after(block(21, seconds=4.0, readings=(11, 21)))
    assert (replayed.calls, replayed.seconds_per_call, replayed.seconds_per_reading) == (21, 0.2, 0.25)
    assert replayed.readings.calls == (11, 21)
    assert replayed.seconds == 2.75 + 4.75
