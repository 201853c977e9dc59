"""Blocks of the growth pass: each reading is sent once."""

from typing import Any

from leakcheck.probe.meters.memory import Meters
from leakcheck.worker.growth import GrowthReplay


class RecordingChannel:
    """Notes the calls of the readings that each message has."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[int]]] = []

    def send(self, kind: str, *, columns: Any, **_fields: object) -> None:
        calls, count = columns[0]
        self.sent.append((kind, list(calls[:count])))


def test_a_failure_after_a_block_does_not_send_its_readings_again() -> None:
    # GIVEN a block that was sent
    channel: Any = RecordingChannel()
    replay = GrowthReplay(lambda: None, Meters(()), sets_aside=False)
    replay.replay_block(channel, windows=2, calls_per_window=3, timed_per_window=1)
    # WHEN a search of the heap fails after it
    replay.replay(5)
    replay.send_block(channel, "failure", {})
    # THEN the failure has no readings
    assert channel.sent == [("block", [4, 7]), ("failure", [])]
