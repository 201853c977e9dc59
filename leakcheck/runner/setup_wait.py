"""Wait for a set-up that says its stages, each as long as it may take: it may stand before a lock that we hold."""

import time
from typing import Any, Protocol

from leakcheck.model.answers import Failure
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.setup_stages import START, UNREACHED, SetupStages, is_at_work, not_replayable_here, stage_words
from leakcheck.model.units import format_duration
from leakcheck.runner.process_usage import effort_of


class ProcessInSetup(Protocol):
    """A process that is under way to its first answer."""

    @property
    def pid(self) -> int:
        """Return its number."""

    def speaks_within(self, seconds: float, during: str) -> bool:
        """Wait for a message; tell whether there is one. Raises WorkerFailed where the process ends."""

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message."""

    def fail(self, kind: str, message: str) -> Failure:
        """End the process, and return the trouble with what it wrote."""


def first_answer(process: ProcessInSetup, stages: SetupStages, most_seconds: float) -> dict[str, Any]:
    """Return what is answered once all is set up. Raises WorkerFailed, also where a stage comes to no end."""
    end = time.monotonic() + most_seconds
    stages.latest = START
    while True:
        if not _goes_on(process, stages, end):
            took, waited = stages.seconds.get(stages.latest), stages.longest_wait_seconds() or most_seconds
            here = "" if took is None else f"; here it took {format_duration(took)}"
            what = f"{stage_words(stages.latest)} came to no end within {format_duration(waited)}{here}"
            raise WorkerFailed(process.fail(UNREACHED, not_replayable_here(what)))
        answer = process.listen(during="set-up")
        if answer.get("kind") != "stage":
            return answer
        stages.latest = str(answer.get("stage"))


def _goes_on(process: ProcessInSetup, stages: SetupStages, end: float) -> bool:
    """Wait for the end of a stage; tell whether it has come. What is at work may go on."""
    while (left := end - time.monotonic()) > 0:
        seconds = min(left, stages.longest_wait_seconds() or left)
        before = effort_of(process.pid)
        if process.speaks_within(seconds, "set-up"):
            return True
        now = effort_of(process.pid)
        if not is_at_work(now.busy_seconds - before.busy_seconds, now.new_pages - before.new_pages, seconds):
            return False
    return False
