"""Executors run tasks, on this machine or on a Dask cluster, and yield results as they are done."""

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
from leakcheck.runner.collect import WarmWorker
from leakcheck.runner.measure import measure
from leakcheck.runner.scheduler import Job, capacity_for, run_parallel
from leakcheck.runner.task import Task, Watch

_DASK_EXECUTOR = "leakcheck.runner.executors.dask.executor"
"""Imported by name, only where a cluster is used: it needs what the extra `dask` installs."""


class Executor(Protocol):
    """Runs tasks."""

    @property
    def warm_worker(self) -> WarmWorker | None:
        """Return the holder of the process that has collected a file; None where another machine measures."""

    def measured(
        self, tasks: Sequence[Task], environment: Environment | None, watch: Watch
    ) -> Iterator[tuple[int, Result]]:
        """Yield the index and the result of each task as it is done; leaving early ends the tasks under way.

        All results must be of this `environment`. Raises ExecutorLost where the connection is lost.
        """


class LocalExecutor:
    """Runs tasks on this machine, as many in parallel as `jobs` and memory allow."""

    def __init__(self, jobs: int | None, warm_worker: WarmWorker) -> None:
        self._jobs, self.warm_worker = jobs, warm_worker

    def measured(
        self, tasks: Sequence[Task], environment: Environment | None, watch: Watch
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as `Executor.measured` does."""
        jobs = [Job(work=partial(measure, task, watch), memory_bytes=task.request.expected_memory) for task in tasks]
        if tasks:
            warm_process = self.warm_worker.take_for(tasks[0].pass_request(Pass.GROWTH))
            jobs[0] = replace(jobs[0], work=partial(measure, tasks[0], watch, warm_process))

        def stop() -> None:
            for task in tasks:
                task.stop.set()

        return run_parallel(jobs, capacity_for(self._jobs), stop=stop)


@contextmanager
def _local_executor(jobs: int | None) -> Iterator[Executor]:
    with WarmWorker() as warm_worker:
        yield LocalExecutor(jobs, warm_worker)


def executor_for(settings: Settings) -> AbstractContextManager[Executor]:
    """Return the context manager of the executor for these settings. Raises UsageError for an unreachable cluster."""
    if settings.cluster is None:
        return _local_executor(settings.jobs)
    connected: AbstractContextManager[Executor] = importlib.import_module(_DASK_EXECUTOR).connected(settings.cluster)
    return connected
