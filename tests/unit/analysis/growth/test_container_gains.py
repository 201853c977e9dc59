"""Containers whose lengths rise while the heap is flat: which are followed, and which of them leak."""

from dataclasses import replace
from itertools import accumulate

import pytest

from leakcheck.analysis.growth.container_gains import ContainerGains, FollowedContainer

CALLS = tuple(range(1000, 2001, 10))
LIST = FollowedContainer(gained=100, low=8.0, high=9.0)


def followed(*lengths: int) -> ContainerGains:
    """Return what is known of a list with these lengths, one for each reading from call 1000 to 2000."""
    gains = ContainerGains(since=1000, check_calls=100, gained_bytes=800.0, followed=(LIST,))
    return gains.after(CALLS, [lengths])


def filling(at_the_end: int) -> ContainerGains:
    """Return a list that gains an entry per call, and has so many at call 2000."""
    return followed(*(at_the_end - 2000 + call for call in CALLS))


@pytest.mark.parametrize(("calls_per_entry", "is_followed"), [(14, True), (20, False)])
def test_a_list_with_an_entry_in_every_sixteenth_call_is_followed(calls_per_entry: int, is_followed: bool) -> None:
    """GIVEN eight bytes of table for each entry."""
    check = ContainerGains(since=1000, check_calls=100, gained_bytes=8 * 100 / calls_per_entry, followed=(LIST,))
    assert check.has_gained is is_followed
    assert not replace(check, followed=()).has_gained


@pytest.mark.parametrize(("length", "rises"), [(2000, True), (1700, True), (1200, False)])
def test_a_list_that_was_emptied_in_between_does_not_rise(length: int, rises: bool) -> None:
    """GIVEN an entry per call: a list that holds much less than one for each call was pruned before."""
    assert filling(length).is_rising() is rises


@pytest.mark.parametrize(("given_back", "rises"), [(0.07, True), (0.12, False)])
def test_a_list_that_gives_back_a_tenth_of_its_entries_is_cleaned_up(given_back: float, rises: bool) -> None:
    # GIVEN a list that gains 100 entries from reading to reading, and gives back a share of them at every tenth
    steps = [-round(given_back * 900) if number % 10 == 9 else 100 for number in range(len(CALLS))]
    # THEN its table does not count where that is too much
    table = followed(*(20_000 + length for length in accumulate(steps))).table()
    assert (table.rise > 0) is rises
