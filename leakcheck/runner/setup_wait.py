"""Wait for a set-up that reports its stages: one may wait for ever, for a lock that the test process holds."""

import time
from typing import Any, Protocol

from leakcheck.model.failure import Failure, FailureKind, WorkerFailed
from leakcheck.model.setup_stages import START, SetupStages, describe_stage, is_busy, not_replayable_message
from leakcheck.model.units import format_duration
from leakcheck.runner.process_usage import effort_of


class ProcessInSetup(Protocol):
    """A process that has not given its first answer yet."""

    @property
    def pid(self) -> int:
        """Return its pid."""

    def has_message_within(self, seconds: float, during: str) -> bool:
        """Wait for a message; return whether one has come. Raises WorkerFailed where the process ends."""

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message."""

    def fail(self, kind: FailureKind, message: str) -> Failure:
        """End the process, and return the failure with its output."""


def first_answer(process: ProcessInSetup, stages: SetupStages, most_seconds: float) -> dict[str, Any]:
    """Return the first answer after the set-up. Raises WorkerFailed, also where a stage does not end in time."""
    end = time.monotonic() + most_seconds
    stages.latest = START
    while True:
        if not _stage_ends(process, stages, end):
            took, waited = stages.seconds.get(stages.latest), stages.longest_wait_seconds() or most_seconds
            in_test_process = "" if took is None else f"; here it took {format_duration(took)}"
            reason = f"{describe_stage(stages.latest)} came to no end within {format_duration(waited)}{in_test_process}"
            raise WorkerFailed(process.fail(FailureKind.UNREACHED, not_replayable_message(reason)))
        answer = process.listen(during="set-up")
        if answer.get("kind") != "stage":
            return answer
        stages.latest = str(answer.get("stage"))


def _stage_ends(process: ProcessInSetup, stages: SetupStages, end: float) -> bool:
    """Wait for the end of a stage, longer for one that works and does not only wait; return whether it has come."""
    while (left := end - time.monotonic()) > 0:
        seconds = min(left, stages.longest_wait_seconds() or left)
        before = effort_of(process.pid)
        if process.has_message_within(seconds, "set-up"):
            return True
        now = effort_of(process.pid)
        if not is_busy(now.busy_seconds - before.busy_seconds, now.new_pages - before.new_pages, seconds):
            return False
    return False
