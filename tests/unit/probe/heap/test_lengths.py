"""How a length went on: growing, standing still at last, once only, or looked after."""

import gc
from collections import OrderedDict, deque
from functools import lru_cache

import pytest

from leakcheck.probe.heap.container_types import KINDS, LruCache, kind_of
from leakcheck.probe.heap.lengths import ContainerLengths, LengthGrowth, growth_of
from leakcheck.probe.heap.search_budget import SearchBudget

EIGHT = range(9)


@pytest.mark.parametrize(
    ("lengths", "growth"),
    [
        ([0, 100, 200, 300, 400, 500, 600, 700, 800], LengthGrowth.GROWING),
        ([7, 7, 8, 8, 9, 9, 9, 10, 11], LengthGrowth.GROWING),
        # a full chunk now and then
        ([0, 0, 0, 1000, 1000, 1000, 2000, 2000, 2000], LengthGrowth.GROWING),
        # one in a hundred entries is taken out again
        ([0, 100, 200, 299, 398, 498, 597, 697, 796], LengthGrowth.GROWING),
        ([0, 300, 600, 900, 1000, 1000, 1000, 1000, 1000], LengthGrowth.STOPPED),
        ([0, 100, 200, 300, 400, 500, 600, 600, 600], LengthGrowth.STOPPED),
        # too little to say that it stopped
        ([0, 1, 1, 2, 2, 2, 2, 2, 2], LengthGrowth.GROWING),
        ([5, 5, 5, 6, 6, 6, 6, 6, 6], LengthGrowth.ONCE),
        ([5] * 9, None),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1], None),
        # cut back to nine tenths, or to two thirds
        ([0, 400, 800, 950, 990, 910, 960, 920, 980], LengthGrowth.TRIMMED),
        ([20, 300, 600, 740, 560, 700, 510, 640, 730], LengthGrowth.TRIMMED),
        # it passes its top again and again
        ([0, 400, 300, 700, 500, 900, 700, 1100, 800], None),
        # teeth
        ([250, 500, 0, 250, 500, 0, 250, 500, 0], None),
        ([100, 300, 500, 700, 100, 300, 500, 700, 900], None),
    ],
)
def test_lengths_at_equal_distances(lengths: list[int], growth: LengthGrowth | None) -> None:
    assert growth_of(lengths, EIGHT) is growth


def test_readings_may_be_left_out() -> None:
    assert growth_of([0, 400, 500, 600, 700, 800], [0, 4, 5, 6, 7, 8]) is LengthGrowth.GROWING
    assert growth_of([0, 400, 410, 410, 410, 410], [0, 4, 5, 6, 7, 8]) is LengthGrowth.STOPPED


def test_an_ordered_dictionary_is_not_taken_for_the_dictionary_that_it_is_too() -> None:
    kind = kind_of(OrderedDict)
    assert kind is not None
    assert kind.base is OrderedDict


def test_a_kind_calls_a_container_by_its_type_and_limit() -> None:
    @lru_cache(maxsize=7)
    def cached() -> None:
        pass

    class Queue(deque[int]):
        pass

    containers: list[object] = [cached, Queue(maxlen=3), {}]
    words = [kind.word(one) for one in containers if (kind := kind_of(type(one))) is not None]
    assert words == ["lru_cache(maxsize=7)", f"{Queue.__qualname__}(maxlen=3)", "dict"]


def test_the_newest_entries_are_taken_out_and_no_others() -> None:
    takers = {kind.base: kind for kind in KINDS}
    rows, pages, queue = [1, 2, 3, 4], {1: "a", 2: "b", 3: "c"}, deque([1, 2, 3])
    takers[list].let_go(rows, 3)
    takers[dict].let_go(pages, 2)
    takers[deque].let_go(queue, 1)
    assert (rows, pages, queue) == ([1], {1: "a"}, deque([1, 2, None]))
    assert takers[LruCache].takes_all


def test_a_dictionary_that_the_collector_does_not_track_is_found() -> None:
    class Owner:
        def __init__(self) -> None:
            self.numbers = {1: 2}

    owner = Owner()
    found = ContainerLengths(gc.get_objects(), SearchBudget(60))
    for window in (1, 2, 3, 4):
        owner.numbers.update({window * 1000 + n: n for n in range(10)})
        found.read(window)
    grown = [one for one in found.grown() if one.container is owner.numbers]
    assert [(one.gained, one.growth) for one in grown] == [(40, LengthGrowth.GROWING)]
