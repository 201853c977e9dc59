"""The memory of the child processes of a scenario, read between blocks of calls from outside."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from leakcheck.analysis.growth.child_processes import are_children_settled, judge_children, split_block
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.stopping import NextBlock
from leakcheck.model.child_processes import Children, ChildrenReading
from leakcheck.model.verdict import Verdict

_SLOW_READING_SECONDS = 0.1
"""Reading a thousand children takes longer; then at least as much time is spent in calls as in readings."""


class ReplayingProcess(Protocol):
    """A process that can be asked to replay: a worker, or the test process, which goes on afterwards."""

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a message and return the answer, as `WorkerProcess.ask` does. Raises WorkerFailed."""

    def children(self) -> ChildrenReading:
        """Return the memory that its child processes take now."""


class ChildMemory:
    """Readings of the child processes, from the first one at which a child had outlived a call."""

    def __init__(self) -> None:
        self._readings: list[tuple[int, ChildrenReading]] = []
        self._last_reading_seconds = 0.0

    def record(self, process: ReplayingProcess, calls: int) -> None:
        """Read the children after so many calls; nothing is recorded before the first of them has outlived a call."""
        began = time.monotonic()
        reading = process.children()
        if reading.processes or self._readings:
            self._readings.append((calls, reading))
        self._last_reading_seconds = time.monotonic() - began

    def split_block(self, block: NextBlock, progress: ReplayProgress) -> Iterator[NextBlock]:
        """Yield the block, or its parts, after each of which the children are to be read."""
        is_slow = self._last_reading_seconds > _SLOW_READING_SECONDS
        most = max(1, int(block.calls * progress.seconds_per_call / self._last_reading_seconds)) if is_slow else None
        return split_block(block, self._readings, most=most)

    def judged(self, progress: ReplayProgress) -> Children | None:
        """Return the growth and verdict of the children so far; None where none outlived a call."""
        return judge_children(self._readings, progress, final=True)

    def are_settled(self, progress: ReplayProgress) -> bool:
        """Return whether more readings would change nothing."""
        return are_children_settled(judge_children(self._readings, progress, final=False))

    def are_unsure(self, progress: ReplayProgress) -> bool:
        """Return whether their verdict is inconclusive so far."""
        children = self.judged(progress)
        return children is not None and children.verdict is Verdict.INCONCLUSIVE
