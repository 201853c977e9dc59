"""Allocation sites: slopes, sawtooths, tables, names, and the length of the next window."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.explain.allocation_sites import (
    allocation_sites,
    explained_fraction,
    most_possible_rate,
    peak_sites,
    site_fingerprint,
)
from leakcheck.analysis.explain.fingerprint import fingerprint_of
from leakcheck.analysis.explain.line_slopes import grown_stacks
from leakcheck.model.explanation import StackBytes, TracerName, Window
from leakcheck.model.stacks import Frame, FrameKind, frame_to_name
from leakcheck.worker.allocations import TRACERS


def own(line: int, source: str = "", file: str = "/home/me/shop/views.py", function: str = "view") -> Frame:
    return Frame(function=function, file=file, line=line, kind=FrameKind.OWN, source=source or f"line {line}")


def library(line: int) -> Frame:
    return Frame(function="dumps", file="/lib/python3.11/json/__init__.py", line=line, kind=FrameKind.LIBRARY)


def native(function: str) -> Frame:
    return Frame(function=function, file="_fast.so", line=0, kind=FrameKind.NATIVE)


def stack(*frames: Frame, size: float, blocks: float = 2.0, native: bool = False, realloc: bool = False) -> StackBytes:
    return StackBytes(frames=frames, bytes=size, blocks=blocks, native=native, realloc=realloc)


def windows(*rows: tuple[int, list[StackBytes]], other: float = 0.0) -> list[Window]:
    """Return windows with these calls and stacks, one after the other in one process."""
    traced, before = [], 20
    for calls, stacks in rows:
        traced.append(Window(calls=calls, stacks=tuple(stacks), before=before, other_bytes=other * calls))
        before += calls
    return traced


def leaking(per_call: float, *calls: int, constant: float = 0.0) -> list[Window]:
    return windows(
        *((many, [stack(own(1), size=per_call * many + constant, blocks=many)]) for many in calls or (10, 20, 30))
    )


# --- rates ----------------------------------------------------------------------------------------


@given(
    per_call=st.floats(1, 1e6),
    constant=st.floats(0, 1e7),
    first=st.integers(5, 2000),
)
def test_a_steady_leak_has_its_rate_whatever_constant_the_windows_share(
    per_call: float, constant: float, first: int
) -> None:
    traced = leaking(per_call, first, 2 * first, 3 * first, constant=constant)
    [site] = allocation_sites(traced, 1000 * per_call)
    assert site.bytes_per_1000_calls == pytest.approx(1000 * per_call, rel=1e-3)
    assert site.low == pytest.approx(site.high, rel=1e-2)
    assert site.share == pytest.approx(1.0, rel=1e-3)
    assert site.blocks_per_1000_calls == pytest.approx(1000)
    assert explained_fraction(traced, 1000 * per_call) == pytest.approx(1.0, rel=1e-3)


@given(window=st.sampled_from([0, 1, 2]), table=st.floats(0, 9_900))
def test_a_table_that_doubles_in_one_window_is_an_outlier(window: int, table: float) -> None:
    # GIVEN 100 bytes per call, and a table in one of the windows
    rows = [
        (calls, [stack(own(1), size=100.0 * calls + table * (window == number), blocks=calls)])
        for number, calls in enumerate((100, 200, 300))
    ]
    # WHEN it is in the middle window THEN the rate is that of the leak; else the table counts over the longest step
    moved = {0: -table / 200, 1: 0.0, 2: table / 200}[window]
    assert explained_fraction(windows(*rows), 100_000) == pytest.approx(1 + moved / 100)


def test_bytes_that_every_window_holds_are_no_leak() -> None:
    # GIVEN a full cache, whose entries each window replaces
    traced = windows(*((calls, [stack(own(1), size=50_000, blocks=500)]) for calls in (1000, 2000, 3000)))
    assert allocation_sites(traced, 10_000) == ()
    assert explained_fraction(traced, 10_000) == 0.0


def test_a_cache_that_is_full_in_the_longer_windows_is_not_reported() -> None:
    traced = windows(*((calls, [stack(own(1), size=min(calls, 250) * 100.0, blocks=9)]) for calls in (200, 400, 800)))
    assert allocation_sites(traced, 100_000) == ()


def test_a_list_that_each_window_reports_as_a_whole_is_counted_once() -> None:
    # GIVEN 16 bytes per call, and a list of 8 bytes per call that each window reallocates
    rows, before = [], 20
    for calls in (100, 200, 300):
        before += calls
        rows.append(
            (
                calls,
                [
                    stack(own(1), size=16.0 * calls, blocks=calls),
                    stack(own(1), size=8.0 * before, blocks=1, realloc=True),
                ],
            )
        )
    # THEN the list counts 8 bytes per call, and not again for all calls before
    [site] = allocation_sites(windows(*rows), 24_000)
    assert site.bytes_per_1000_calls == pytest.approx(24_000)


def test_a_leak_under_a_sawtooth_of_the_same_line_is_that_of_its_steady_stacks() -> None:
    # GIVEN a line whose calls fill and clear something large, and also leak 100 bytes each
    sawtooth = (900_000, 100_000, 700_000)
    rows = [
        (calls, [stack(library(1), own(1), size=100.0 * calls), stack(library(2), own(1), size=tooth, blocks=9)])
        for calls, tooth in zip((100, 200, 300), sawtooth, strict=True)
    ]
    # WHEN it is explained THEN the steady stack is reported, at its rate
    [site] = allocation_sites(windows(*rows), 100_000)
    assert site.bytes_per_1000_calls == pytest.approx(100_000)
    assert site.frames[0] == library(1)
    assert explained_fraction(windows(*rows), 100_000) == pytest.approx(1.0)


def test_a_sawtooth_of_another_line_does_not_change_the_explained_fraction() -> None:
    sawtooth = (900_000, 100_000, 700_000)
    rows = [
        (calls, [stack(own(1), size=100.0 * calls), stack(own(2), size=tooth, blocks=9)])
        for calls, tooth in zip((100, 200, 300), sawtooth, strict=True)
    ]
    assert [site.frame.line for site in allocation_sites(windows(*rows), 100_000)] == [1]
    assert explained_fraction(windows(*rows), 100_000) == pytest.approx(1.0)


def test_stacks_through_the_same_line_are_one_site() -> None:
    # GIVEN two stacks through one line of the user's, and one through another
    rows = [
        (
            calls,
            [
                stack(library(1), own(7), own(1), size=30.0 * calls),
                stack(library(2), own(7), own(1), size=50.0 * calls),
                stack(own(8), own(1), size=20.0 * calls),
            ],
        )
        for calls in (100, 200, 300)
    ]
    # WHEN they are merged THEN each line is a site, the heavier first, with its heaviest stack
    first, second = allocation_sites(windows(*rows), 100_000)
    assert (first.frame.line, first.stacks) == (7, 2)
    assert first.bytes_per_1000_calls == pytest.approx(80_000)
    assert first.frames[0] == library(2)
    assert second.frame.line == 8
    assert second.share == pytest.approx(0.2)


@pytest.mark.parametrize(("per_call", "is_reported"), [(0.9, False), (1.1, True)])
def test_a_line_below_one_percent_is_not_reported_but_counts(per_call: float, is_reported: bool) -> None:
    rows = [(calls, [stack(own(2), size=per_call * calls)]) for calls in (100, 200, 300)]
    assert bool(allocation_sites(windows(*rows), 100_000)) == is_reported
    assert explained_fraction(windows(*rows), 100_000) == pytest.approx(per_call / 100)


def test_bytes_of_stacks_too_light_to_be_reported_count() -> None:
    rows = [(calls, [stack(own(1), size=60.0 * calls)]) for calls in (100, 200, 300)]
    assert explained_fraction(windows(*rows, other=40.0), 100_000) == pytest.approx(1.0)


def test_a_line_is_native_if_native_code_allocates_most_of_it() -> None:
    rows = [
        (
            calls,
            [
                stack(native("leak"), own(1), size=70.0 * calls, native=True),
                stack(own(1), size=30.0 * calls),
                stack(own(2), size=20.0 * calls),
            ],
        )
        for calls in (100, 200, 300)
    ]
    assert [site.native for site in allocation_sites(windows(*rows), 120_000)] == [True, False]


@pytest.mark.parametrize("traced", [[], leaking(10, 100)[:1]], ids=["no window", "one window"])
def test_a_single_window_explains_nothing(traced: list[Window]) -> None:
    assert allocation_sites(traced, 1000) == ()
    assert explained_fraction(traced, 1000) == 0.0


def test_where_nothing_grows_nothing_is_explained() -> None:
    assert allocation_sites(leaking(10), 0) == ()
    assert explained_fraction(leaking(10), -5) == 0.0


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "named"),
    [
        ([native("x"), library(1), own(2), own(3)], own(2)),
        ([native("x"), library(1), library(2)], library(1)),
        ([native("x"), native("y")], native("x")),
    ],
)
def test_a_stack_is_named_by_its_innermost_own_line_then_python_then_native(frames: list[Frame], named: Frame) -> None:
    assert frame_to_name(frames) == named


def test_a_fingerprint_stays_when_lines_move_and_changes_with_the_code() -> None:
    line = own(41, "SENT.append(one)")
    assert site_fingerprint([own(77, "SENT.append(one)", "/ci/build/shop/views.py")]) == site_fingerprint([line])
    assert site_fingerprint([own(41, "SENT.append(two)")]) != site_fingerprint([line])
    assert site_fingerprint([own(41, "SENT.append(one)", "/home/me/shop/urls.py")]) != site_fingerprint([line])
    assert site_fingerprint([own(41, "SENT.append(one)", function="other")]) != site_fingerprint([line])
    assert len(site_fingerprint([line])) == 12


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_fingerprint_keeps_parts_apart(first: list[str], second: list[str]) -> None:
    tidy = [[" ".join(part.split()) for part in parts] for parts in (first, second)]
    plain = all("\0" not in part for parts in tidy for part in parts)
    if plain and first and second:
        assert (fingerprint_of(first) == fingerprint_of(second)) == (tidy[0] == tidy[1])


def test_of_stacks_that_grow_alike_the_same_one_is_named_in_each_run() -> None:
    stacks = [stack(native(name), own(1), size=64.0) for name in ("decode", "encode")]

    def site_of(order: int, noise: float) -> str:
        rows = [
            (
                n,
                [
                    replace(traced, bytes=traced.bytes * n + noise * number)
                    for number, traced in enumerate(stacks[::order])
                ],
            )
            for n in (100, 200, 300)
        ]
        [site] = allocation_sites(windows(*rows), 128_000)
        return site.fingerprint

    assert len({site_of(order, noise) for order in (1, -1) for noise in (0.0, 0.3)}) == 1


# --- implausible rates ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_call", "most", "is_possible"),
    [
        (2.4, None, True),
        (2.9, None, True),
        (3.1, None, False),
        (4.6, None, False),
        (102.81, None, False),
        (102.81, 40_000.0, True),
        (102.81, 30_000.0, False),
    ],
)
def test_a_line_that_takes_more_than_is_possible_is_dropped(
    per_call: float, most: float | None, is_possible: bool
) -> None:
    # GIVEN a growth of 1 byte per call, and a line that takes more
    traced = leaking(per_call, 100, 200, 300)
    # THEN it is a site only if the upper bound of the growth leaves room for it
    assert [site.frame.line for site in allocation_sites(traced, 1000, most=most)] == ([1] if is_possible else [])
    assert bool(explained_fraction(traced, 1000, most=most)) is is_possible
    assert bool(list(grown_stacks(traced, most_per_call=most_possible_rate(1000, most) / 1000))) is is_possible


def test_a_dropped_line_does_not_affect_the_others() -> None:
    calls = (100, 200, 300)
    beside = windows(*((n, [stack(own(1), size=10.0 * n), stack(own(2), size=1000.0 * n)]) for n in calls))
    [site] = allocation_sites(beside, 10_000)
    assert site.frame.line == 1
    assert site.share == pytest.approx(1.0)
    assert explained_fraction(beside, 10_000) == pytest.approx(1.0)


@pytest.mark.parametrize("other", [native("encode"), native(""), library(1)])
def test_a_line_that_calls_two_extensions_has_two_fingerprints(other: Frame) -> None:
    assert site_fingerprint([other, own(1)]) != site_fingerprint([native("decode"), own(1)])


def test_each_meter_has_its_tracer() -> None:
    assert set(TRACERS) == {meter.value for meter in TracerName}


@pytest.mark.parametrize(("width", "counts"), [(4.0, True), (6.0, False)])
def test_a_line_that_falls_and_rises_by_more_than_half_the_growth_contradicts_itself(
    width: float, counts: bool
) -> None:
    # GIVEN a leak of 8 of 10 bytes per call, and a line that falls by a quarter of the width, and then rises
    falling, rising = -width / 4, 3 * width / 4
    held = {100: 5000.0, 200: 5000 + 100 * falling, 300: 5000 + 100 * (falling + rising)}
    traced = windows(*((n, [stack(own(1), size=8.0 * n), stack(own(2), size=held[n], blocks=9)]) for n in held))
    assert explained_fraction(traced, 10_000) == pytest.approx(0.8 + counts * width / 40)


# --- the peak -------------------------------------------------------------------------------------


def test_the_peak_is_reported_line_by_line() -> None:
    stacks = [
        stack(library(1), own(7), size=600),
        stack(library(2), own(7), size=300),
        stack(own(8), size=95),
        stack(own(9), size=5),
    ]
    first, second = peak_sites(stacks, 1000)
    assert (first.bytes, first.share, first.stacks, first.frame.line) == (900, 0.9, 2, 7)
    assert first.frames[0] == library(1)
    assert (second.bytes, second.frame.line) == (95, 8)


def test_a_peak_of_nothing_has_no_sites() -> None:
    assert peak_sites([], 0) == ()
    assert peak_sites([stack(own(1), size=0)], 0) == ()


@pytest.mark.parametrize(("size", "is_named"), [(15, False), (25, True)])
def test_a_function_in_a_fifth_of_a_lines_bytes_is_named_beside_the_heaviest_stack(size: int, is_named: bool) -> None:
    prefetch = own(3, function="prefetch")
    [site] = peak_sites([stack(own(7), size=100 - size), stack(own(7), prefetch, size=size)], 100)
    assert any("prefetch" in name for name in site.beside) is is_named
