"""Who measures: this machine, or the workers of a cluster. Tasks go in, results come out as they are done."""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol

from leakcheck.config.settings import Settings
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Result
from leakcheck.model.run import Environment
from leakcheck.runner.measure import measure
from leakcheck.runner.scheduler import Job, room_for, side_by_side
from leakcheck.runner.task import Task, Watch
from leakcheck.runner.warm_worker import WarmWorker

_FLEET = "leakcheck.runner.executors.dask.executor"
"""By name: it is imported where a cluster is meant, and needs what the extra `dask` installs."""


class Executor(Protocol):
    """Who measures."""

    @property
    def waiting(self) -> WarmWorker | None:
        """Return where a process that has described a file waits to measure; None where another machine measures."""

    def measured(
        self, tasks: Sequence[Task], environment: Environment | None, watch: Watch
    ) -> Iterator[tuple[int, Result]]:
        """Yield the number and the result of each task as it is done; leaving early ends what is under way.

        `environment` is the one that all results must be of. Raises ExecutorLost where it breaks off.
        """


class LocalExecutor:
    """This machine: as many side by side as are wanted, and fit."""

    def __init__(self, jobs: int | None, waiting: WarmWorker) -> None:
        self._jobs, self.waiting = jobs, waiting

    def measured(
        self, tasks: Sequence[Task], environment: Environment | None, watch: Watch
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as an Executor does."""
        work = [Job(work=partial(measure, task, watch), memory_bytes=task.expected_memory) for task in tasks]
        if tasks:
            described = self.waiting.for_first(tasks[0].plan(Pass.GROWTH))
            work[0] = replace(work[0], work=partial(measure, tasks[0], watch, described))

        def stop() -> None:
            for task in tasks:
                task.stop.set()

        return side_by_side(work, room_for(self._jobs), stop=stop)


@contextmanager
def _here(jobs: int | None) -> Iterator[Executor]:
    with WarmWorker() as waiting:
        yield LocalExecutor(jobs, waiting)


def executor_for(settings: Settings) -> AbstractContextManager[Executor]:
    """Return who measures by these settings, to be entered. Raises UsageError where a cluster cannot be reached."""
    if settings.cluster is None:
        return _here(settings.jobs)
    connected: AbstractContextManager[Executor] = importlib.import_module(_FLEET).connected(settings.cluster)
    return connected
