"""What native memory may keep unseen where pages alone show it, and when they cannot tell more."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leakcheck.analysis.gate.verdict import held_to_budgets, judge
from leakcheck.analysis.growth.estimate import estimate_growth, rate_of, settled_after
from leakcheck.analysis.growth.native_bound import (
    as_far_as_seen,
    can_be_told,
    hidden_bytes_per_call,
    is_native_unseen,
    steady_pages,
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
AT = tuple(range(10, 20_001, 10))
STILL = (0,) * len(AT)
BLIND = Readings(calls=AT, python_bytes=STILL, blocks=(50_000,) * len(AT), rss_bytes=STILL, mapped_bytes=STILL)
BUDGET = Budget(growth_bytes_per_1000_calls=4096.0)


def rising(bytes_per_call: float, unit: int = 1, at: Sequence[int] = AT) -> tuple[int, ...]:
    return tuple(int(bytes_per_call * call) // unit * unit for call in at)


def progress(readings: Readings, *, seconds_per_call: float = 1e-4) -> ReplayProgress:
    calls = readings.calls[-1]
    seconds = calls * seconds_per_call
    return ReplayProgress(readings=readings, calls=calls, seconds_per_call=seconds_per_call, replay_seconds=seconds)


def test_pages_that_stand_still_may_hide_256_kib_over_the_calls_that_they_were_looked_at() -> None:
    assert hidden_bytes_per_call(BLIND, 20_000) == pytest.approx(256 * KIB / 15_000, rel=0.01)


def test_huge_pages_hide_as_much_as_one_of_them_has() -> None:
    huge = replace(BLIND, page_bytes=(2 * 2**20,) * len(AT))
    assert hidden_bytes_per_call(huge, 20_000) == pytest.approx(2 * 2**20 / 15_000, rel=0.01)
    small = replace(BLIND, page_bytes=(4096,) * len(AT))
    assert hidden_bytes_per_call(small, 20_000) == hidden_bytes_per_call(BLIND, 20_000)


@pytest.mark.parametrize(
    ("enabled", "expected"), [("[always] madvise never", 2**21), ("always [madvise] never", os.sysconf("SC_PAGE_SIZE"))]
)
def test_the_step_of_pages_is_large_where_all_memory_has_huge_ones(tmp_path: Path, enabled: str, expected: int) -> None:
    (tmp_path / "enabled").write_text(f"{enabled}\n")
    (tmp_path / "hpage_pmd_size").write_text("2097152\n")
    read = memory._page_bytes(str(tmp_path))
    assert read is not None
    assert read() == expected


def test_a_standstill_is_as_wide_as_the_pages_and_not_as_the_meter_that_sees_nothing() -> None:
    # GIVEN Python's bytes and the pages stand still, and nothing reads malloc
    seen = progress(BLIND)
    shape = shape_of(seen)
    growth = estimate_growth(seen, shape)
    # THEN it may be clean, and the bounds are those of pages
    assert (shape.flat, growth.meter) == (True, Meter.HEAP)
    assert growth.high == -growth.low == pytest.approx(1000 * 256 * KIB / 15_000, rel=0.02)
    assert judge(shape, growth, bounded=False) is Verdict.CLEAN


def test_few_calls_of_still_pages_are_not_clean() -> None:
    few = Readings(**{name: getattr(BLIND, name)[:300] for name in ("calls", "python_bytes", "blocks", "rss_bytes")})
    seen = progress(few, seconds_per_call=0.002)
    shape = shape_of(seen)
    assert shape.flat
    assert judge(shape, estimate_growth(seen, shape), bounded=False) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("name", ["rss_bytes", "mapped_bytes"])
@pytest.mark.parametrize("kept", [40, 84])
def test_what_pages_or_the_address_space_gained_is_within_the_bounds(name: str, kept: int) -> None:
    """GIVEN a leak that the pages show in steps of 2 MiB, or that is allocated and never touched."""
    seen = progress(replace(BLIND, **{name: rising(kept, 2**19)}))
    shape = shape_of(seen, final=True)
    assert estimate_growth(seen, shape).high >= 1000 * kept


def test_python_leaks_are_exact_from_below_and_what_is_beside_them_is_bounded_by_pages() -> None:
    seen = progress(replace(BLIND, python_bytes=rising(100), rss_bytes=rising(150, 4096)))
    shape = shape_of(seen)
    rate = rate_of(shape)
    assert shape.rising
    assert rate.per_call == pytest.approx(100)
    assert rate.low == pytest.approx(100, abs=0.1)
    assert 150 <= rate.high <= 100 + 50 + 256 * KIB / 10_000


def test_with_a_meter_for_native_memory_nothing_is_hidden() -> None:
    seen = progress(replace(BLIND, native_bytes=STILL))
    assert not is_native_unseen(seen.readings)
    assert rate_of(shape_of(seen)).high < 0.2


@pytest.mark.parametrize(("rate", "hidden"), [(24, 0), (48, 48)])
def test_pages_that_rise_steadily_over_a_still_heap_are_within_its_bounds(rate: int, hidden: int) -> None:
    """GIVEN an extension with an allocator of its own, which leaks less than pages alone can prove a leak by."""
    seen = progress(replace(BLIND, native_bytes=STILL, rss_bytes=rising(rate, 4096)))
    shape = shape_of(seen)
    assert shape.flat
    assert rate_of(shape).high == pytest.approx(hidden, abs=1)
    expected = Verdict.INCONCLUSIVE if hidden else Verdict.CLEAN
    assert judge(shape, estimate_growth(seen, shape), bounded=False) is expected


FEW = tuple(range(20, 801, 20))


@pytest.mark.parametrize(
    ("pages", "is_steady"),
    [
        ([48 * call // 4096 for call in FEW], True),  # an extension that keeps 48 B a call
        ([24 * call // 4096 for call in FEW], False),
        ([min(48 * call // 4096, 5) for call in FEW], False),  # a warm-up that ends
        ([48 * call // 4096 - 2 * (call == 600) for call in FEW], False),  # pages that are given back
        ([8 * (call > 400) for call in FEW], False),  # one step
    ],
)
def test_a_few_pages_that_creep_over_a_still_heap_are_followed(pages: list[int], is_steady: bool) -> None:
    late = Series(FEW, [4096 * count for count in pages]).after(200)
    assert (steady_pages(late) > 0) is is_steady


def test_where_python_is_known_by_blocks_alone_native_memory_has_a_meter_all_the_same() -> None:
    """GIVEN a build without the GIL: no bytes of Python's, but malloc's."""
    blocks = replace(BLIND, python_bytes=(), native_bytes=rising(84))
    shape = shape_of(progress(blocks))
    assert (shape.rising, shape.meter) == (True, Meter.HEAP)
    assert rate_of(shape).per_call == pytest.approx(84)
    assert shape_of(progress(replace(blocks, native_bytes=STILL))).flat
    both = shape_of(progress(replace(blocks, blocks=rising(1))))
    assert (both.rising, both.meter) == (True, Meter.BLOCKS)


@pytest.mark.parametrize(
    ("seconds_per_call", "seconds", "calls", "expected"),
    [
        (1e-4, 60, None, True),  # 600,000 calls: to 0.6 bytes a call
        (1e-4, 60, 21_000, False),  # no more than there are
        (1e-2, 300, None, False),
    ],
)
def test_pages_are_waited_for_while_the_calls_that_they_need_can_be_had(
    seconds_per_call: float, seconds: float, calls: int | None, expected: bool
) -> None:
    seen = progress(BLIND, seconds_per_call=seconds_per_call)
    assert can_be_told(seen, 17.5, BUDGET, calls, seconds) is expected


def test_pages_that_go_on_moving_are_not_waited_for() -> None:
    """GIVEN half a minute in which the address space gained 84 bytes with each call."""
    at = tuple(int(call) for call in np.linspace(10, 300_000, 2000))
    moving = Readings(calls=at, python_bytes=(0,) * 2000, rss_bytes=(0,) * 2000, mapped_bytes=rising(84, 2**20, at))
    seen = progress(moving)
    hidden = hidden_bytes_per_call(moving, 300_000)
    assert hidden >= 70
    assert not can_be_told(seen, hidden, BUDGET, None, 3000)
    assert can_be_told(replace(seen, replay_seconds=1.0), hidden, BUDGET, None, 3000)


@pytest.mark.parametrize("blocks", [0, 100_000])
def test_a_standstill_of_pages_or_blocks_is_no_cache_that_filled(blocks: int) -> None:
    """GIVEN no bytes of anybody's, as under PYTHONMALLOC=malloc beside another malloc."""
    pages = replace(BLIND, python_bytes=(), blocks=(blocks,) * len(AT), rss_bytes=(20 * 2**20,) * len(AT))
    seen = progress(pages)
    shape = shape_of(seen)
    assert shape.flat
    assert settled_after(seen, shape) is None


@pytest.mark.parametrize(
    ("verdict", "hidden", "expected"),
    [
        (Verdict.BOUNDED, 0, Verdict.BOUNDED),
        (Verdict.BOUNDED, 32, Verdict.BOUNDED),
        (Verdict.BOUNDED, 33, Verdict.INCONCLUSIVE),
        (Verdict.LEAK, 33, Verdict.LEAK),
    ],
)
def test_a_limit_excuses_nothing_that_is_hidden(verdict: Verdict, hidden: float, expected: Verdict) -> None:
    assert as_far_as_seen(verdict, hidden) is expected


@pytest.mark.parametrize(("kept", "expected"), [(0, Verdict.BOUNDED), (100, Verdict.INCONCLUSIVE)])
def test_a_cache_that_fills_is_bounded_where_pages_show_that_nothing_else_is_kept(kept: int, expected: Verdict) -> None:
    # GIVEN a cache of Python's that fills, and pages that gain what it holds, or what C keeps of each call too
    seen = progress(replace(BLIND, python_bytes=rising(100), rss_bytes=rising(100 + kept, 4096)))
    shape = shape_of(seen)
    verdict = judge(shape, estimate_growth(seen, shape), bounded=True)
    assert as_far_as_seen(verdict, shape.hidden_bytes_per_call) is expected


def test_a_limit_that_is_not_believed_lets_no_growth_through_the_gate() -> None:
    assert held_to_budgets(BOUNDED)["growth"] is Gate.WITHIN
    assert held_to_budgets(replace(BOUNDED, verdict=Verdict.INCONCLUSIVE))["growth"] is Gate.INCONCLUSIVE
