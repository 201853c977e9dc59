"""How lengths develop: growing, stopped, trimmed, or risen once; and the table of container types."""

import gc
import io
from _queue import SimpleQueue
from array import array
from collections import OrderedDict, deque
from functools import lru_cache

import pytest

from leakcheck.probe.heap.container_functions import LruCache
from leakcheck.probe.heap.container_types import CONTAINER_TYPES, container_type_of, growth_type_of
from leakcheck.probe.heap.containers import length_of
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
        # one in a hundred entries is removed again
        ([0, 100, 200, 299, 398, 498, 597, 697, 796], LengthGrowth.GROWING),
        ([0, 300, 600, 900, 1000, 1000, 1000, 1000, 1000], LengthGrowth.STOPPED),
        ([0, 100, 200, 300, 400, 500, 600, 600, 600], LengthGrowth.STOPPED),
        # too few to be sure that it stopped
        ([0, 1, 1, 2, 2, 2, 2, 2, 2], LengthGrowth.GROWING),
        ([5, 5, 5, 6, 6, 6, 6, 6, 6], LengthGrowth.ONCE),
        ([5] * 9, None),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1], None),
        # cut back to nine tenths, or to two thirds
        ([0, 400, 800, 950, 990, 910, 960, 920, 980], LengthGrowth.TRIMMED),
        ([20, 300, 600, 740, 560, 700, 510, 640, 730], LengthGrowth.TRIMMED),
        # it exceeds its peak again and again
        ([0, 400, 300, 700, 500, 900, 700, 1100, 800], None),
        # a sawtooth
        ([250, 500, 0, 250, 500, 0, 250, 500, 0], None),
        ([100, 300, 500, 700, 100, 300, 500, 700, 900], None),
    ],
)
def test_growth_of_lengths_at_equal_distances(lengths: list[int], growth: LengthGrowth | None) -> None:
    assert growth_of(lengths, EIGHT) is growth


@pytest.mark.parametrize(
    ("lengths", "growth"),
    [
        # 7 % or 12 % of the entries are removed again
        ([0, 100, 51, 151, 251, 351, 451, 551, 651], LengthGrowth.GROWING),
        ([0, 100, 16, 116, 216, 316, 416, 516, 616], None),
        # one window without an entry is no standstill
        ([0, 100, 200, 300, 400, 500, 600, 700, 700], LengthGrowth.GROWING),
        # four entries are missing, or three
        ([0, 1, 2, 3, 4, 4, 4, 4, 4], LengthGrowth.STOPPED),
        ([0, 1, 2, 3, 4, 5, 5, 5, 5], LengthGrowth.GROWING),
        # entries in every other window: four without one occur once in sixteen times, five once in thirty-two
        ([0, 0, 500, 500, 1000, 1000, 1000, 1000, 1000], LengthGrowth.GROWING),
        ([0, 0, 500, 500, 1000, 1000, 1000, 1000, 1000, 1000], LengthGrowth.STOPPED),
        # near its peak for five of nine readings, or for four
        ([20, 100, 200, 300, 950, 900, 960, 910, 970], LengthGrowth.TRIMMED),
        ([20, 100, 200, 300, 400, 950, 900, 960, 910], None),
    ],
)
def test_what_a_standstill_and_a_trimming_take(lengths: list[int], growth: LengthGrowth | None) -> None:
    assert growth_of(lengths, range(len(lengths))) is growth


def test_readings_may_be_skipped() -> None:
    assert growth_of([0, 400, 500, 600, 700, 800], [0, 4, 5, 6, 7, 8]) is LengthGrowth.GROWING
    assert growth_of([0, 400, 410, 410, 410, 410], [0, 4, 5, 6, 7, 8]) is LengthGrowth.STOPPED


def test_an_ordered_dictionary_has_a_row_of_its_own() -> None:
    row = container_type_of(OrderedDict)
    assert row is not None
    assert row.base is OrderedDict


def test_a_container_is_called_by_its_type_and_limit() -> None:
    @lru_cache(maxsize=7)
    def cached() -> None:
        pass

    class Queue(deque[int]):
        pass

    containers: list[object] = [cached, Queue(maxlen=3), {}]
    words = [row.word(container) for container in containers if (row := container_type_of(type(container))) is not None]
    assert words == ["lru_cache(maxsize=7)", f"{Queue.__qualname__}(maxlen=3)", "dict"]


def test_only_the_newest_entries_are_removed() -> None:
    table = {container_type.base: container_type for container_type in CONTAINER_TYPES}
    rows, pages, queue = [1, 2, 3, 4], {1: "a", 2: "b", 3: "c"}, deque([1, 2, 3])
    table[list].remove_newest(rows, 3)
    table[dict].remove_newest(pages, 2)
    table[deque].remove_newest(queue, 1)
    assert (rows, pages, queue) == ([1], {1: "a"}, deque([1, 2, None]))
    assert table[LruCache].removes_all


def test_a_dictionary_that_the_collector_does_not_track_is_found() -> None:
    class Owner:
        def __init__(self) -> None:
            self.numbers = {1: 2}

    owner = Owner()
    container_lengths = ContainerLengths(gc.get_objects(), SearchBudget(60))
    for window in (1, 2, 3, 4):
        owner.numbers.update({window * 1000 + n: n for n in range(10)})
        container_lengths.read(window)
    grown = [container for container in container_lengths.grown() if container.container is owner.numbers]
    assert [(container.gained, container.growth) for container in grown] == [(40, LengthGrowth.GROWING)]


def test_only_the_retention_search_sees_types_that_the_growth_pass_cannot_empty() -> None:
    assert [row.base for row in CONTAINER_TYPES if row.empty is None] == [SimpleQueue, io.StringIO]
    assert growth_type_of(SimpleQueue) is None
    assert container_type_of(SimpleQueue) is not None


def test_the_passes_list_their_own_types_that_the_collector_does_not_track() -> None:
    assert [row.base for row in CONTAINER_TYPES if row.untracked_in_search] == [dict, bytearray]
    assert [row.base for row in CONTAINER_TYPES if row.untracked_in_growth] == [dict, bytearray, array, io.BytesIO]


def test_a_buffer_has_its_position_as_length_in_the_search_and_its_size_in_the_growth_pass() -> None:
    row, buffer = container_type_of(io.BytesIO), io.BytesIO(b"0123456789")
    buffer.seek(4)
    assert row is not None
    assert (row.length(buffer), length_of(buffer)) == (4, 10)
    buffer.close()
    assert (row.length(buffer), length_of(buffer)) == (0, 0)
