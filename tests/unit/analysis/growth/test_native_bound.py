"""The bound on native memory that only resident pages show, and when more calls cannot narrow it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakcheck.analysis.gate.verdict import budget_gates, judge
from leakcheck.analysis.growth.estimate import estimate_growth, rate_of, settled_after
from leakcheck.analysis.growth.native_bound import (
    can_narrow_bound,
    hidden_bytes_per_call,
    is_native_unseen,
    steady_pages,
    verdict_with_hidden_bytes,
)
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import shape_of
from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget, Meter
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.probe.meters import memory
from tests.unit.runs import BOUNDED

KIB = 1024
CALLS = tuple(range(10, 20_001, 10))
CONSTANT = (0,) * len(CALLS)
WITHOUT_NATIVE = Readings(
    calls=CALLS, python_bytes=CONSTANT, blocks=(50_000,) * len(CALLS), rss_bytes=CONSTANT, mapped_bytes=CONSTANT
)
BUDGET = Budget(growth_bytes_per_1000_calls=4096.0)


def rising(bytes_per_call: float, unit: int = 1, calls: Sequence[int] = CALLS) -> tuple[int, ...]:
    return tuple(int(bytes_per_call * call) // unit * unit for call in calls)


def progress(readings: Readings, *, seconds_per_call: float = 1e-4) -> ReplayProgress:
    calls = readings.calls[-1]
    seconds = calls * seconds_per_call
    return ReplayProgress(readings=readings, calls=calls, seconds_per_call=seconds_per_call, replay_seconds=seconds)


def test_constant_pages_may_hide_256_kib_over_the_calls_compared() -> None:
    assert hidden_bytes_per_call(WITHOUT_NATIVE, 20_000) == pytest.approx(256 * KIB / 15_000, rel=0.01)


def test_huge_pages_may_hide_the_size_of_one() -> None:
    huge = replace(WITHOUT_NATIVE, page_bytes=(2 * 2**20,) * len(CALLS))
    assert hidden_bytes_per_call(huge, 20_000) == pytest.approx(2 * 2**20 / 15_000, rel=0.01)
    small = replace(WITHOUT_NATIVE, page_bytes=(4096,) * len(CALLS))
    assert hidden_bytes_per_call(small, 20_000) == hidden_bytes_per_call(WITHOUT_NATIVE, 20_000)


@pytest.mark.parametrize(
    ("enabled", "expected"), [("[always] madvise never", 2**21), ("always [madvise] never", os.sysconf("SC_PAGE_SIZE"))]
)
def test_the_page_size_is_that_of_huge_pages_if_all_memory_has_them(
    tmp_path: Path, enabled: str, expected: int
) -> None:
    (tmp_path / "enabled").write_text(f"{enabled}\n")
    (tmp_path / "hpage_pmd_size").write_text("2097152\n")
    read = memory._page_bytes(str(tmp_path))
    assert read is not None
    assert read() == expected


def test_the_bounds_of_a_plateau_are_those_of_pages_if_no_meter_reads_native_memory() -> None:
    # GIVEN constant Python bytes and pages, and no meter of malloc
    replayed = progress(WITHOUT_NATIVE)
    shape = shape_of(replayed)
    growth = estimate_growth(replayed, shape)
    # THEN it may be clean, and the bounds are those of the pages
    assert (shape.flat, growth.meter) == (True, Meter.HEAP)
    assert growth.high == -growth.low == pytest.approx(1000 * 256 * KIB / 15_000, rel=0.02)
    assert judge(shape, growth, bounded=False) is Verdict.CLEAN


def test_constant_pages_over_few_calls_are_not_clean() -> None:
    few = Readings(
        **{name: getattr(WITHOUT_NATIVE, name)[:300] for name in ("calls", "python_bytes", "blocks", "rss_bytes")}
    )
    replayed = progress(few, seconds_per_call=0.002)
    shape = shape_of(replayed)
    assert shape.flat
    assert judge(shape, estimate_growth(replayed, shape), bounded=False) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("name", ["rss_bytes", "mapped_bytes"])
@pytest.mark.parametrize("bytes_per_call", [40, 84])
def test_the_gain_of_pages_or_of_the_address_space_is_within_the_bounds(name: str, bytes_per_call: int) -> None:
    """GIVEN a leak that pages show in steps of 512 KiB, or that is allocated and never touched."""
    columns: Any = {name: rising(bytes_per_call, 2**19)}
    replayed = progress(replace(WITHOUT_NATIVE, **columns))
    shape = shape_of(replayed, final=True)
    assert estimate_growth(replayed, shape).high >= 1000 * bytes_per_call


def test_a_leak_of_python_objects_has_an_exact_lower_bound_and_an_upper_bound_from_pages() -> None:
    replayed = progress(replace(WITHOUT_NATIVE, python_bytes=rising(100), rss_bytes=rising(150, 4096)))
    shape = shape_of(replayed)
    rate = rate_of(shape)
    assert shape.rising
    assert rate.per_call == pytest.approx(100)
    assert rate.low == pytest.approx(100, abs=0.1)
    assert 150 <= rate.high <= 100 + 50 + 256 * KIB / 10_000


def test_with_a_meter_for_native_memory_nothing_is_hidden() -> None:
    replayed = progress(replace(WITHOUT_NATIVE, native_bytes=CONSTANT))
    assert not is_native_unseen(replayed.readings)
    assert rate_of(shape_of(replayed)).high < 0.2


@pytest.mark.parametrize(("rate", "hidden"), [(24, 0), (48, 48)])
def test_pages_that_rise_steadily_over_a_flat_heap_are_within_its_bounds(rate: int, hidden: int) -> None:
    """GIVEN an extension with an allocator of its own, which leaks too little for pages alone to prove it."""
    replayed = progress(replace(WITHOUT_NATIVE, native_bytes=CONSTANT, rss_bytes=rising(rate, 4096)))
    shape = shape_of(replayed)
    assert shape.flat
    assert rate_of(shape).high == pytest.approx(hidden, abs=1)
    expected = Verdict.INCONCLUSIVE if hidden else Verdict.CLEAN
    assert judge(shape, estimate_growth(replayed, shape), bounded=False) is expected


def test_pages_that_moved_in_the_first_half_of_the_calls_do_not_count_if_they_stood_still_since() -> None:
    # GIVEN a warm-up that takes 2 MiB until call 8000 of 20 000
    warm = tuple(min(call, 8000) * 256 for call in CALLS)
    hidden = hidden_bytes_per_call(replace(WITHOUT_NATIVE, rss_bytes=warm), 20_000)
    assert hidden == pytest.approx(256 * KIB / 10_000, rel=0.01)


@pytest.mark.parametrize(
    ("touched_at", "is_steady"),
    [((250, 350), False), ((230, 270, 330, 370), True)],
    ids=["one page in each half", "two pages in each half"],
)
def test_a_page_that_is_touched_now_and_then_is_no_steady_rise(touched_at: Sequence[int], is_steady: bool) -> None:
    calls = range(200, 401, 10)
    pages = [4096 * sum(call >= touched for touched in touched_at) for call in calls]
    assert (steady_pages(Series(calls, pages)) > 0) is is_steady


FEW = tuple(range(20, 801, 20))


@pytest.mark.parametrize(
    ("pages", "is_steady"),
    [
        ([48 * call // 4096 for call in FEW], True),  # an extension that keeps 48 B per call
        ([24 * call // 4096 for call in FEW], False),
        ([min(48 * call // 4096, 5) for call in FEW], False),  # a warm-up that ends
        ([48 * call // 4096 - 2 * (call == 600) for call in FEW], False),  # pages that are given back
        ([8 * (call > 400) for call in FEW], False),  # one step
    ],
)
def test_a_slow_rise_of_a_few_pages_over_a_flat_heap_is_steady(pages: list[int], is_steady: bool) -> None:
    late = Series(FEW, [4096 * count for count in pages]).after(200)
    assert (steady_pages(late) > 0) is is_steady


def test_native_memory_has_a_meter_even_if_only_blocks_are_known_of_python() -> None:
    """GIVEN a free-threaded build: no bytes of Python, but those of malloc."""
    blocks = replace(WITHOUT_NATIVE, python_bytes=(), native_bytes=rising(84))
    shape = shape_of(progress(blocks))
    assert (shape.rising, shape.meter) == (True, Meter.HEAP)
    assert rate_of(shape).per_call == pytest.approx(84)
    assert shape_of(progress(replace(blocks, native_bytes=CONSTANT))).flat
    both = shape_of(progress(replace(blocks, blocks=rising(1))))
    assert (both.rising, both.meter) == (True, Meter.BLOCKS)


@pytest.mark.parametrize(
    ("seconds_per_call", "seconds", "calls", "expected"),
    [
        (1e-4, 60, None, True),  # 600,000 calls: to 0.6 bytes per call
        (1e-4, 60, 21_000, False),  # hardly more than there are
        (1e-2, 300, None, False),
    ],
)
def test_more_calls_are_replayed_if_enough_of_them_fit_to_narrow_the_bound(
    seconds_per_call: float, seconds: float, calls: int | None, expected: bool
) -> None:
    replayed = progress(WITHOUT_NATIVE, seconds_per_call=seconds_per_call)
    assert can_narrow_bound(replayed, 17.5, BUDGET, calls, seconds) is expected


def test_pages_that_keep_moving_are_not_waited_for() -> None:
    """GIVEN half a minute in which the address space gained 84 bytes with each call."""
    calls = tuple(int(call) for call in np.linspace(10, 300_000, 2000))
    moving = Readings(
        calls=calls, python_bytes=(0,) * 2000, rss_bytes=(0,) * 2000, mapped_bytes=rising(84, 2**20, calls)
    )
    replayed = progress(moving)
    hidden = hidden_bytes_per_call(moving, 300_000)
    assert hidden >= 70
    assert not can_narrow_bound(replayed, hidden, BUDGET, None, 3000)
    # BUT they may still settle in the first ten seconds
    assert can_narrow_bound(replace(replayed, replay_seconds=9.0), hidden, BUDGET, None, 3000)
    assert not can_narrow_bound(replace(replayed, replay_seconds=11.0), hidden, BUDGET, None, 3000)


@pytest.mark.parametrize("blocks", [0, 100_000])
def test_a_plateau_of_pages_or_blocks_is_not_a_cache_that_filled(blocks: int) -> None:
    """GIVEN no meter of bytes, as under PYTHONMALLOC=malloc with another malloc."""
    pages = replace(
        WITHOUT_NATIVE, python_bytes=(), blocks=(blocks,) * len(CALLS), rss_bytes=(20 * 2**20,) * len(CALLS)
    )
    replayed = progress(pages)
    shape = shape_of(replayed)
    assert shape.flat
    assert settled_after(replayed, shape) is None


@pytest.mark.parametrize(
    ("verdict", "hidden", "expected"),
    [
        (Verdict.BOUNDED, 0, Verdict.BOUNDED),
        (Verdict.BOUNDED, 32, Verdict.BOUNDED),
        (Verdict.BOUNDED, 33, Verdict.INCONCLUSIVE),
        (Verdict.LEAK, 33, Verdict.LEAK),
    ],
)
def test_a_limit_does_not_excuse_hidden_bytes(verdict: Verdict, hidden: float, expected: Verdict) -> None:
    assert verdict_with_hidden_bytes(verdict, hidden) is expected


@pytest.mark.parametrize(("bytes_per_call", "expected"), [(0, Verdict.BOUNDED), (100, Verdict.INCONCLUSIVE)])
def test_a_cache_that_fills_is_bounded_only_if_pages_show_nothing_else(bytes_per_call: int, expected: Verdict) -> None:
    # GIVEN a cache in Python that fills, and pages that gain what it holds, or also what C code keeps of each call
    replayed = progress(replace(WITHOUT_NATIVE, python_bytes=rising(100), rss_bytes=rising(100 + bytes_per_call, 4096)))
    shape = shape_of(replayed)
    verdict = judge(shape, estimate_growth(replayed, shape), bounded=True)
    assert verdict_with_hidden_bytes(verdict, shape.hidden_bytes_per_call) is expected


def test_a_limit_of_an_inconclusive_result_does_not_pass_the_gate() -> None:
    assert budget_gates(BOUNDED)["growth"] is Gate.WITHIN
    assert budget_gates(replace(BOUNDED, verdict=Verdict.INCONCLUSIVE))["growth"] is Gate.INCONCLUSIVE
