"""Look at the child processes of a scenario between its blocks, from outside."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from leakcheck.analysis.growth.child_processes import are_children_settled, in_parts, judged_children
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.stopping import NextBlock
from leakcheck.model.child_processes import Children, ChildrenReading
from leakcheck.model.verdict import Verdict

_DEAR = 0.1
"""Seconds. A thousand children take longer, and then are not looked at for longer than calls are replayed."""


class ReplayingProcess(Protocol):
    """What can be asked to replay: a worker, or a process that lives on afterwards."""

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the answer, as `Worker.ask` does. Raises WorkerFailed."""


@runtime_checkable
class _HasChildren(Protocol):
    """A process that replays, and whose children can be looked at."""

    def children(self) -> ChildrenReading:
        """Return what its children take now."""


class ChildMemory:
    """What child processes took after so many calls, from the first time that one had outlived a call."""

    def __init__(self) -> None:
        self._readings: list[tuple[int, ChildrenReading]] = []
        self._seconds = 0.0
        """What the last look took."""

    def look(self, process: object, calls: int) -> None:
        """Note what the children take after so many calls; nothing where none has lived yet."""
        began = time.monotonic()
        reading = process.children() if isinstance(process, _HasChildren) else ChildrenReading()
        if reading.processes or self._readings:
            self._readings.append((calls, reading))
        self._seconds = time.monotonic() - began

    def parts_of(self, step: NextBlock, progress: ReplayProgress) -> Iterator[NextBlock]:
        """Yield the step, or its parts, after each of which the children are looked at."""
        most = max(1, int(step.calls * progress.seconds_per_call / self._seconds)) if self._seconds > _DEAR else None
        return in_parts(step, self._readings, most=most)

    def judged(self, progress: ReplayProgress) -> Children | None:
        """Return what the children did, as far as they were followed; None where none lived on."""
        return judged_children(self._readings, progress, final=True)

    def are_settled(self, progress: ReplayProgress) -> bool:
        """Tell whether following them further would change nothing."""
        return are_children_settled(judged_children(self._readings, progress, final=False))

    def are_unsure(self, progress: ReplayProgress) -> bool:
        """Tell whether nothing can be said of them by now."""
        children = self.judged(progress)
        return children is not None and children.verdict is Verdict.INCONCLUSIVE
