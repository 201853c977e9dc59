"""The length of the next window to trace, and when there is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.explain.allocation_sites import (
    FEWEST_CALLS,
    MOST_CALLS,
    allocation_sites,
    explained_fraction,
    next_window,
)
from leakcheck.model.explanation import Window
from tests.unit.analysis.explain.test_allocation_sites import leaking, own, stack, windows


def next_calls(traced: list[Window], growth: float = 10_000, cost: float = 0.001, left: float = 20.0) -> int | None:
    return next_window(traced, growth, cost, left)


@pytest.mark.parametrize(
    ("cost", "calls"), [(1e-6, MOST_CALLS), (0.001, 1000), (0.0035, 200), (0.03, 33), (0.5, FEWEST_CALLS)]
)
def test_the_first_window_is_long_where_calls_are_cheap(cost: float, calls: int) -> None:
    assert next_calls([], cost=cost) == calls


@given(cost=st.floats(1e-7, 10), left=st.floats(0, 30))
def test_the_first_windows_fit_into_the_time_left(cost: float, left: float) -> None:
    calls = next_calls([], cost=cost, left=left)
    assert calls is None or (3 if calls == 1 else 6) * calls * cost <= left * (1 + 1e-9)


def test_if_three_windows_are_too_expensive_two_suffice_and_one_does_not() -> None:
    assert next_calls([], cost=6.6, left=20.0) == 1
    assert next_calls([], cost=6.7, left=20.0) is None
    assert next_calls(leaking(10, 1), cost=6.6, left=13.3) == 2
    assert next_calls(leaking(10, 1, 2), cost=6.6, left=0.0) is None


@pytest.mark.parametrize(("left", "calls"), [(8.0, 8), (7.9, 3), (3.0, 3), (2.9, 2), (1.0, 1), (0.9, None)])
def test_a_second_window_that_is_too_expensive_is_shorter_than_the_first(left: float, calls: int | None) -> None:
    assert next_calls(leaking(10, 4), cost=1.0, left=left) == calls


def test_the_second_and_third_windows_are_two_and_three_times_as_long() -> None:
    traced = leaking(10, 100, 200, 300)
    assert next_calls(traced[:1]) == 200
    assert next_calls(traced[:2]) == 300


def test_three_windows_suffice_if_they_explain_the_growth() -> None:
    assert next_calls(leaking(10, 100, 200, 300), 10_000) is None
    assert next_calls(leaking(10, 100, 200, 300), 9_500) is None
    assert next_calls(leaking(10, 100, 200, 300), 8_000) == 600
    assert next_calls(leaking(10, 100, 200, 300), 12_500) == 600


def test_longer_windows_follow_until_a_cache_is_full() -> None:
    # GIVEN a cache of 500 entries that calls replace, beside a leak of 10 bytes per call
    def seen_after(*calls: int) -> list[Window]:
        return windows(
            *(
                (n, [stack(own(1), size=10.0 * n), stack(own(2), size=100.0 * min(n, 500), blocks=min(n, 500))])
                for n in calls
            )
        )

    calls = [100, 200, 300]
    # THEN windows become longer than the cache is large, and only the leak is left
    while (calls_next := next_calls(seen_after(*calls))) is not None:
        calls.append(calls_next)
    assert calls == [100, 200, 300, 600, 1000]
    [site] = allocation_sites(seen_after(*calls), 10_000)
    assert site.frame.line == 1
    assert site.share == pytest.approx(1.0)


def test_four_longer_windows_are_traced_while_what_they_explain_still_changes() -> None:
    def traced(*calls: int) -> list[Window]:
        return windows(*((n, [stack(own(1), size=10.0 * n**1.5)]) for n in calls))

    # GIVEN a cache that fills faster and faster
    assert next_calls(traced(100, 200, 300, 600, 1000, 1700), 10**6) == 2800
    assert next_calls(traced(100, 200, 300, 600, 1000, 1700, 2800), 10**6, left=1000.0) is None


@pytest.mark.parametrize(("held", "calls"), [(6300.0, None), (6500.0, 1000)])
def test_a_longer_window_that_explains_two_hundredths_more_is_not_the_last(held: float, calls: int | None) -> None:
    # GIVEN 10 of 50 bytes per call, and after 600 calls 10.75 or 11.25
    sizes = {100: 1000.0, 200: 2000.0, 300: 3000.0, 600: held}
    assert next_calls(windows(*((n, [stack(own(1), size=size)]) for n, size in sizes.items())), 50_000) == calls


def test_longer_windows_end_after_four_or_when_the_time_is_up() -> None:
    assert next_calls(leaking(10, 100, 200, 300), 50_000, left=0.5) is None
    assert next_calls(leaking(10, 100, 200, 300, 600, 1000, 1700, 2800), 50_000) is None
    # AND after a longer window that changed nothing
    assert next_calls(leaking(10, 100, 200, 300, 600), 50_000) is None


def test_under_a_sawtooth_a_table_counts_by_its_doublings() -> None:
    # GIVEN entries of 64 bytes in a table, under the sawtooth of a pruned cache
    def table(calls: int) -> float:
        return float(16 * 2 ** math.ceil(math.log2(max(calls, 1))))

    calls_so_far = {300: 320, 500: 820, 800: 1620}
    sawtooth = {300: 5_000.0, 500: 40_000.0, 800: 22_000.0}
    traced = windows(
        *(
            (
                n,
                [
                    stack(own(1), size=64.0 * n, blocks=n),
                    stack(own(1), own(2, function="prune"), size=sawtooth[n], blocks=9),
                    stack(own(1), own(2, function="resize"), size=table(calls_so_far[n]), blocks=1),
                ],
            )
            for n in (300, 500, 800)
        )
    )
    # WHEN it is explained under a sawtooth THEN the line has its entries and its table, and no tooth
    [site] = [found for found in allocation_sites(traced, 90_000, under_teeth=True) if found.frame.line == 1]
    assert site.bytes_per_1000_calls == pytest.approx(64_000 + 1000 * table(320) / 320)
    assert explained_fraction(traced, 90_000, under_teeth=True) == pytest.approx(1.0, abs=0.01)
    assert explained_fraction(traced, 90_000) != pytest.approx(1.0, abs=0.2)
