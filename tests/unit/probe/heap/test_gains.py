"""Containers that gain entries: what their tables take for each, and when lengths are believed to rise."""

from array import array
from collections import OrderedDict, deque
from io import BytesIO
from typing import Any

import pytest

from leakcheck.analysis.growth.container_gains import SMALLEST_GAIN, ContainerGains, FollowedContainer
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.model.result import Meter
from leakcheck.probe.heap import gains
from leakcheck.probe.heap.gains import FollowedLengths, look, slot_of
from leakcheck.runner.growth_pass import GrowthPass, _gained

LIST = FollowedContainer(gained=100, low=8.0, high=9.0)


def followed(
    *rows: list[int], follow: FollowedContainer = LIST, looked_at: int = 100, gained_bytes: float = 800.0
) -> ContainerGains:
    """Return lengths that were read after each of so many calls."""
    start = ContainerGains(since=100, looked_at=looked_at, gained_bytes=gained_bytes, followed=(follow,) * len(rows))
    return start.after(list(range(101, 101 + len(rows[0]))), rows)


RISING = list(range(1000, 1200))


def test_lengths_that_rise_with_each_call_rise_at_the_rate_of_their_table() -> None:
    grown = followed(RISING)
    assert grown.is_rising()
    assert not grown.has_stopped()
    rate = grown.rate()
    assert (rate.low, rate.high) == pytest.approx((8.0, 9.0), rel=0.01)
    # the logarithmic mean of 8 and 9
    assert rate.per_call == pytest.approx(8.49, abs=0.01)


@pytest.mark.parametrize(
    "lengths",
    [
        [1000] * 200,
        [1000 + call % 20 for call in range(200)],
        [min(1000 + call, 1003) for call in range(200)],
        list(range(1200, 1000, -1)),
    ],
    ids=["still", "cut back again and again", "stopped", "falling"],
)
def test_lengths_that_do_not_go_on_rising_have_stopped(lengths: list[int]) -> None:
    grown = followed(lengths)
    assert not grown.is_rising()
    assert grown.has_stopped()


def test_a_rise_of_less_than_one_tooth_is_neither_believed_nor_taken_for_a_standstill() -> None:
    """GIVEN a list that is cut back every two hundred calls, cut at call 80 and not again until call 220."""
    tooth = followed(list(range(20, 140)))
    assert not tooth.is_rising()
    assert not tooth.has_stopped()


def test_nothing_has_stopped_before_as_many_calls_were_followed_as_were_looked_at() -> None:
    assert not followed([1000] * 99).has_stopped()
    assert followed([1000] * 100).has_stopped()


def test_of_two_that_were_followed_one_that_is_cut_back_does_not_hide_the_other() -> None:
    grown = followed([1000 + call % 20 for call in range(200)], RISING, gained_bytes=1600.0)
    assert grown.is_rising()


def test_what_many_containers_gained_counts_though_few_were_followed() -> None:
    """GIVEN 3200 bytes gained in the look, 800 of them by what was followed THEN four times its rate is told."""
    assert followed(RISING, gained_bytes=3200.0).rate().per_call == pytest.approx(4 * 8.49, rel=0.01)


QUIET = [0.0] * 200
TEETH = [1536 * 1024 * (call % 50) / 50 for call in range(200)]


@pytest.mark.parametrize(
    ("heap", "gained_bytes", "believed"),
    [(QUIET, 800.0, True), (TEETH, 800.0, False), (QUIET, 1200.0, True), (QUIET, 1300.0, False)],
    ids=["alone", "under teeth", "mostly followed", "one of many"],
)
def test_lengths_decide_early_only_where_the_heap_hides_nothing_and_most_were_followed(
    heap: list[float], gained_bytes: float, believed: bool
) -> None:
    # GIVEN a list that gains an entry a call, and enough calls for a rise to be believed
    seen = GrowthPass(
        progress=ReplayProgress(calls=20_000, seconds_per_call=1e-4),
        shape=Shape(flat=True, meter=Meter.HEAP, tail=Series(range(200), heap)),
        gains=followed(RISING, gained_bytes=gained_bytes),
    )
    # THEN its length is the leak at once, or at the end of all calls
    assert _gained(seen, final=False) is believed
    assert _gained(seen, final=True)


@pytest.mark.parametrize(("gained_bytes", "expected"), [(SMALLEST_GAIN * 100 - 1, False), (SMALLEST_GAIN * 100, True)])
def test_half_a_byte_per_call_is_followed_and_less_is_not(gained_bytes: float, expected: bool) -> None:
    assert ContainerGains(since=0, looked_at=100, gained_bytes=gained_bytes, followed=(LIST,)).any is expected


@pytest.mark.parametrize(
    ("container", "add", "size"),
    [
        ([], lambda kept, _: kept.append(None), list.__sizeof__),
        (bytearray(), lambda kept, _: kept.append(1), bytearray.__sizeof__),
        (array("q"), lambda kept, number: kept.append(number), array.__sizeof__),
        ({}, lambda kept, number: kept.__setitem__(number, None), dict.__sizeof__),
        ({}, lambda kept, number: kept.__setitem__(str(number), None), dict.__sizeof__),
        (set(), lambda kept, number: kept.add(number), set.__sizeof__),
        (deque(), lambda kept, _: kept.append(None), deque.__sizeof__),
        (BytesIO(), lambda kept, _: kept.write(b"x"), BytesIO.__sizeof__),
    ],
    ids=["list", "bytearray", "array", "dict", "dict of texts", "set", "deque", "buffer"],
)
def test_a_table_takes_for_each_entry_what_is_said(container: Any, add: Any, size: Any) -> None:
    """GIVEN a container that is filled one by one THEN its size per entry lies between the bounds, at any length."""
    for entries in range(1, 20_000):
        add(container, entries)
        if entries > 1000:
            slot = slot_of(container)
            assert slot.low * 0.93 <= size(container) / entries <= slot.high * 1.12, entries


def test_what_has_no_table_has_no_slot() -> None:
    assert (slot_of("text"), slot_of(OrderedDict()).low > 0) == (gains.SlotBytes(0.0, 0.0), True)


def test_a_look_keeps_nothing_alive_and_follows_what_became_longer() -> None:
    kept: list[None] = []
    text = bytearray(5000)

    def replay(calls: int) -> None:
        kept.extend([None] * calls)
        text.extend(b"12345678" * calls)

    followed_ones = FollowedLengths()
    answer = look(replay, 50, followed_ones, thaws=False)
    assert answer["gained_bytes"] >= 50 * 16
    assert {(one["gained"], one["low"]) for one in answer["followed"]} >= {(50, 8.0), (400, 1.0)}
    replay(1)
    followed_ones.read()
    columns = followed_ones.columns()
    assert [count for _, count in columns] == [1] * len(followed_ones.names)
    assert {column[0] for column, _ in columns} >= {51, 5000 + 408}
