"""Containers that gain entries: bytes per entry of their tables, and when their lengths count as rising."""

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
from leakcheck.probe.heap.container_functions import SlotBytes
from leakcheck.probe.heap.containers import slot_of
from leakcheck.probe.heap.gains import FollowedLengths, find_gaining_containers
from leakcheck.runner.growth_pass import GrowthPass, _take_shape_from_gains

LIST_GAIN = FollowedContainer(gained=100, low=8.0, high=9.0)


def followed(
    *rows: list[int], follow: FollowedContainer = LIST_GAIN, calls_counted: int = 100, gained_bytes: float = 800.0
) -> ContainerGains:
    """Return the gains of containers with these lengths, read after each of so many calls."""
    start = ContainerGains(
        since=100, check_calls=calls_counted, gained_bytes=gained_bytes, followed=(follow,) * len(rows)
    )
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


def test_a_rise_within_one_sawtooth_is_neither_believed_nor_taken_for_a_standstill() -> None:
    """GIVEN a list that is cut back every two hundred calls, cut at call 80 and not again until call 220."""
    grown = followed(list(range(20, 140)))
    assert not grown.is_rising()
    assert not grown.has_stopped()


def test_nothing_has_stopped_before_as_many_calls_were_followed_as_were_counted() -> None:
    assert not followed([1000] * 99).has_stopped()
    assert followed([1000] * 100).has_stopped()


def test_a_followed_container_that_is_cut_back_does_not_hide_one_that_grows() -> None:
    grown = followed([1000 + call % 20 for call in range(200)], RISING, gained_bytes=1600.0)
    assert grown.is_rising()


def test_gains_of_containers_that_were_not_followed_are_included_in_the_rate() -> None:
    """GIVEN 3200 bytes gained, 800 of them by followed containers THEN the rate is four times theirs."""
    assert followed(RISING, gained_bytes=3200.0).rate().per_call == pytest.approx(4 * 8.49, rel=0.01)


QUIET = [0.0] * 200
SAWTOOTH = [1536 * 1024 * (call % 50) / 50 for call in range(200)]


@pytest.mark.parametrize(
    ("heap", "gained_bytes", "decides"),
    [(QUIET, 800.0, True), (SAWTOOTH, 800.0, False), (QUIET, 1200.0, True), (QUIET, 1300.0, False)],
    ids=["alone", "under a sawtooth", "mostly followed", "one of many"],
)
def test_lengths_decide_early_only_if_the_heap_hides_nothing_and_most_were_followed(
    heap: list[float], gained_bytes: float, decides: bool
) -> None:
    # GIVEN a list that gains an entry a call, and enough calls for a rise to be believed
    growth_pass = GrowthPass(
        progress=ReplayProgress(calls=20_000, seconds_per_call=1e-4),
        shape=Shape(flat=True, meter=Meter.HEAP, tail=Series(range(200), heap)),
        gains=followed(RISING, gained_bytes=gained_bytes),
    )
    # THEN its length is the leak at once, or at the end of all calls
    assert _take_shape_from_gains(growth_pass, final=False) is decides
    assert _take_shape_from_gains(growth_pass, final=True)


@pytest.mark.parametrize(("gained_bytes", "expected"), [(SMALLEST_GAIN * 100 - 1, False), (SMALLEST_GAIN * 100, True)])
def test_half_a_byte_per_call_is_followed_and_less_is_not(gained_bytes: float, expected: bool) -> None:
    assert (
        ContainerGains(since=0, check_calls=100, gained_bytes=gained_bytes, followed=(LIST_GAIN,)).has_gained
        is expected
    )


@pytest.mark.parametrize(
    ("container", "add", "size"),
    [
        ([], lambda x, _: x.append(None), list.__sizeof__),
        (bytearray(), lambda x, _: x.append(1), bytearray.__sizeof__),
        (array("q"), lambda x, number: x.append(number), array.__sizeof__),
        ({}, lambda x, number: x.__setitem__(number, None), dict.__sizeof__),
        ({}, lambda x, number: x.__setitem__(str(number), None), dict.__sizeof__),
        (set(), lambda x, number: x.add(number), set.__sizeof__),
        (deque(), lambda x, _: x.append(None), deque.__sizeof__),
        (BytesIO(), lambda x, _: x.write(b"x"), BytesIO.__sizeof__),
    ],
    ids=["list", "bytearray", "array", "dict", "dict of texts", "set", "deque", "buffer"],
)
def test_the_bytes_per_entry_of_a_table_lie_between_the_bounds(container: Any, add: Any, size: Any) -> None:
    """GIVEN a container that is filled one by one THEN its size per entry lies between the bounds, at any length."""
    for entries in range(1, 20_000):
        add(container, entries)
        if entries > 1000:
            slot = slot_of(container)
            assert slot.low * 0.93 <= size(container) / entries <= slot.high * 1.12, entries


def test_an_object_without_a_table_has_no_slot() -> None:
    assert (slot_of("text"), slot_of(OrderedDict()).low > 0) == (SlotBytes(0.0, 0.0), True)


def test_containers_that_became_longer_are_followed() -> None:
    entries: list[None] = []
    text = bytearray(5000)

    def replay(calls: int) -> None:
        entries.extend([None] * calls)
        text.extend(b"12345678" * calls)

    lengths = FollowedLengths()
    answer = find_gaining_containers(replay, 50, lengths, thaws=False)
    assert answer["gained_bytes"] >= 50 * 16
    assert {(container["gained"], container["low"]) for container in answer["followed"]} >= {(50, 8.0), (400, 1.0)}
    replay(1)
    lengths.read()
    columns = lengths.columns()
    assert [count for _, count in columns] == [1] * len(lengths.names)
    assert {column[0] for column, _ in columns} >= {51, 5000 + 408}
