"""What set-up left is set aside from collection, unless a call checks whether it is collected."""

import gc
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import pytest

from leakcheck.probe.meters.memory import Meters
from leakcheck.pytest_plugin.replay import _MOST_IMMORTAL, _thawed_afterwards
from leakcheck.worker.channel import Channel
from leakcheck.worker.growth import GrowthReplay

IMMORTAL = 500
"""Python 3.12 has collections leave some constants with what is frozen."""


class Node:
    """A cycle of one."""

    def __init__(self) -> None:
        self.me = self


class FakeChannel:
    """Replaces the channel to the runner."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def send(self, kind: str, **fields: Any) -> None:
        """Record the kind of a message."""
        self.kinds.append(kind)


@pytest.fixture
def unfrozen_afterwards() -> Iterator[None]:
    """Unfreeze everything after the test."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("unfrozen_afterwards")
def test_a_call_that_checks_that_an_object_of_set_up_is_collected_is_replayed_with_nothing_set_aside() -> None:
    # GIVEN objects of set-up, and calls that each drop the oldest, collect and look
    nodes, failed = deque(Node() for _ in range(5)), []

    def call() -> None:
        reference = weakref.ref(nodes.popleft())
        nodes.append(Node())
        gc.collect()
        if reference() is not None:
            failed.append(1)
        assert reference() is None

    channel = FakeChannel()
    replay = GrowthReplay(call, Meters(()))
    # WHEN they are replayed
    replay.replay_block(cast(Channel, channel), windows=2, calls_per_window=3, timed_per_window=0)
    # THEN the first one failed, all were replayed after it, and nothing is set aside any more
    assert failed == [1]
    assert channel.kinds == ["block"]
    assert replay.calls == 7
    assert gc.get_freeze_count() <= IMMORTAL


@pytest.mark.usefixtures("unfrozen_afterwards")
def test_a_call_that_also_fails_with_nothing_set_aside_fails() -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise AssertionError("always")

    with pytest.raises(AssertionError, match="always"):
        GrowthReplay(call, Meters(())).replay_block(
            cast(Channel, FakeChannel()), windows=1, calls_per_window=1, timed_per_window=0
        )
    assert len(calls) == 2


@pytest.mark.usefixtures("unfrozen_afterwards")
def test_objects_that_we_freeze_are_thawed_and_those_of_the_project_stay_frozen() -> None:
    at_start = gc.get_freeze_count()
    with _thawed_afterwards(at_start) as may_freeze:
        assert may_freeze
        gc.freeze()
    assert gc.get_freeze_count() == 0
    # a few objects that the interpreter itself moves there do not count
    gc.freeze()
    frozen = gc.get_freeze_count()
    assert frozen > 5 * _MOST_IMMORTAL
    with _thawed_afterwards(frozen - 5001) as may_freeze:
        assert not may_freeze
    assert gc.get_freeze_count() >= frozen
    with _thawed_afterwards(frozen - 4999) as may_freeze:
        assert may_freeze
