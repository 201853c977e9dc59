"""Which of the grown containers are candidates."""

import sys

import pytest

from leakcheck.probe.heap.container_types import container_type_of
from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.retention.containers import _is_interpreter_table, _once_of_many


def grown(container: object, gained: int, growth: LengthGrowth = LengthGrowth.GROWING) -> GrownContainer:
    row = container_type_of(type(container))
    assert row is not None
    return GrownContainer(container, row, gained, growth, gained)


@pytest.mark.parametrize(("gained", "is_table"), [(8, True), (12, False)])
def test_a_table_of_the_interpreters_is_reported_from_an_entry_in_ten_calls_on(gained: int, is_table: bool) -> None:
    """GIVEN a hundred calls: a few of them import a module late, and more of them leak modules."""
    assert _is_interpreter_table(grown(sys.modules, gained), 100) is is_table
    assert not _is_interpreter_table(grown({}, gained), 100)


@pytest.mark.parametrize(("count", "is_leak"), [(15, False), (25, True)])
def test_many_containers_that_rose_once_are_a_leak_from_one_in_fifty_calls_on(count: int, is_leak: bool) -> None:
    queues = [grown([0], 1, LengthGrowth.ONCE) for _ in range(count)]
    assert bool(list(_once_of_many(queues, 1000))) is is_leak
