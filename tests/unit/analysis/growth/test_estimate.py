"""From readings to bytes per 1000 calls, on every meter, and when a growth came to its end."""

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

AT = np.arange(10.0, 2001.0, 10.0)
KIB = 1024


def whole(values: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def progress(
    python: NDArray[np.float64] | None = None,
    *,
    native: NDArray[np.float64] | None = None,
    blocks: NDArray[np.float64] | None = None,
    rss: NDArray[np.float64] | None = None,
    exact: bool = True,
) -> ReplayProgress:
    """Return what 2000 calls of a millisecond left on the meters; nothing where nothing is said."""
    nothing = np.zeros(len(AT))
    readings = Readings(
        calls=whole(AT),
        python_bytes=whole(nothing if python is None else python) if exact else (),
        native_bytes=whole(nothing if native is None else native) if exact else (),
        blocks=whole(nothing if blocks is None else blocks),
        rss_bytes=whole(nothing if rss is None else rss),
    )
    return ReplayProgress(readings=readings, calls=2000, replay_seconds=2.0, seconds_per_call=0.001)


def test_growth_is_stated_per_1000_calls_with_the_other_meters_beside_it() -> None:
    seen = progress(100.0 * AT, native=28.0 * AT, blocks=2.0 * AT, rss=120.0 * AT)
    growth = estimate_growth(seen, shape_of(seen))
    assert growth.meter is Meter.HEAP
    assert growth.bytes_per_1000_calls == pytest.approx(128_000)
    assert growth.low < 128_000 < growth.high
    assert growth.high - growth.low == pytest.approx(2 * 1000 * 48 / 1500, rel=0.01)
    assert growth.heap_bytes_per_1000_calls == pytest.approx(128_000)
    assert growth.rss_bytes_per_1000_calls == pytest.approx(120_000)
    assert growth.blocks_per_1000_calls == pytest.approx(2000)
    assert growth.calls == 2000


def test_growth_of_pages_is_known_to_a_page_over_the_calls_seen() -> None:
    seen = progress(rss=1024.0 * AT)
    growth = estimate_growth(seen, shape_of(seen))
    assert growth.meter is Meter.RSS
    assert growth.bytes_per_1000_calls == pytest.approx(1_024_000)
    assert growth.heap_bytes_per_1000_calls == pytest.approx(0)
    assert growth.high - growth.low == pytest.approx(2 * 1000 * 4096 / 1500, rel=0.01)


def test_growth_of_blocks_is_64_bytes_a_block_and_between_16_and_512_for_sure() -> None:
    seen = progress(blocks=1.0 * AT, exact=False)
    growth = estimate_growth(seen, shape_of(seen))
    assert growth.meter is Meter.BLOCKS
    assert growth.bytes_per_1000_calls == pytest.approx(64_000)
    assert growth.low == pytest.approx(16_000, rel=0.01)
    assert growth.high == pytest.approx(512_000, rel=0.01)
    assert growth.heap_bytes_per_1000_calls is None


def test_blocks_that_become_fewer_have_their_bounds_the_right_way_round() -> None:
    seen = progress(blocks=5000 - 1.0 * AT, exact=False)
    found = rate_of(replace(shape_of(seen), flat=False))
    assert found.low < found.per_call < found.high < 0


def test_where_nothing_was_read_the_bounds_are_as_wide_as_json_can_carry() -> None:
    nothing = ReplayProgress(calls=1)
    growth = estimate_growth(nothing, shape_of(nothing, final=True))
    assert (growth.low, growth.bytes_per_1000_calls, growth.high) == (-1e15, 0.0, 1e15)
    assert growth.rss_bytes_per_1000_calls is None
    assert math.isfinite(growth.blocks_per_1000_calls)


def ends(at: int, *, bytes_in_all: float, begins: int = 0) -> NDArray[np.float64]:
    """Return a series that rises evenly from one call to another, and then stands still."""
    return np.asarray(np.interp(AT, [begins, at], [0.0, bytes_in_all]), dtype=np.float64)


def test_a_growth_that_came_to_its_end_is_dated() -> None:
    seen = progress(ends(1000, bytes_in_all=1e6))
    assert settled_after(seen, shape_of(seen)) == 1000


@pytest.mark.parametrize(("bytes_in_all", "settled"), [(64 * KIB - 1, None), (64 * KIB, 500)])
def test_what_grew_by_less_than_64_kib_never_grew(bytes_in_all: float, settled: int | None) -> None:
    seen = progress(ends(500, begins=100, bytes_in_all=bytes_in_all))
    assert settled_after(seen, shape_of(seen)) == settled


def test_what_fills_in_the_first_hundred_calls_is_every_programs_warm_up() -> None:
    seen = progress(ends(100, bytes_in_all=1e9))
    assert settled_after(seen, shape_of(seen)) is None


def test_what_still_grows_has_not_settled() -> None:
    seen = progress(1000.0 * AT)
    assert settled_after(seen, shape_of(seen)) is None


def test_progress_adds_blocks_up_and_remembers_what_the_newest_cost() -> None:
    def block(calls: int, *, seconds: float, readings: tuple[int, ...]) -> Block:
        return Block(
            readings=Readings(calls=readings, blocks=readings),
            calls=calls,
            latencies_ns=(),
            replay_seconds=seconds,
            settle_seconds=0.5,
            set_aside_seconds=0.25,
        )

    seen = ReplayProgress().after(block(1, seconds=2.0, readings=()))
    assert (seen.calls, seen.seconds_per_call, seen.seconds) == (1, 2.0, 2.75)
    kept = seen.seconds_per_reading
    assert kept > 0
    seen = seen.after(block(21, seconds=4.0, readings=(11, 21)))
    assert (seen.calls, seen.seconds_per_call, seen.seconds_per_reading) == (21, 0.2, 0.25)
    assert seen.readings.calls == (11, 21)
    assert seen.seconds == 2.75 + 4.75
