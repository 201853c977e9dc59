"""The process that described the first file: it waits, and measures that file's first scenario.

What it has imported (a project, its libraries) is then not imported a second time, which for a quiet scenario takes
longer than its calls do.
"""

from types import TracebackType
from typing import Self

from leakcheck.model.protocol import PassRequest
from leakcheck.runner.worker_process import WorkerProcess
from leakcheck.scenario import Target, parse_target


def file_of(target: Target) -> Target:
    """Return what is described at once: all of a target's file, or the target itself."""
    return Target(path=target.path) if target.path is not None else target


class WarmWorker:
    """Room for one such process. Use it as a context manager: leaving ends what still waits."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._file: Target | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        worker = self._let_go()
        if worker is not None:
            worker.end()

    def wants(self, file: Target) -> bool:
        """Tell whether a process that describes this may wait: what opens a site to describe it, has opened it."""
        return self._file is None and file.kind != "site"

    def keep(self, worker: WorkerProcess, file: Target) -> None:
        """Let a process wait that has described a file, and done nothing else."""
        self._worker, self._file = worker, file

    def for_first(self, plan: PassRequest) -> WorkerProcess | None:
        """Return the process for the first growth pass of a run, or None; one that cannot do it is ended.

        Where something is to run before the import, the import was too early.
        """
        worker = self._let_go()
        if worker is not None and (plan.setup is not None or file_of(parse_target(plan.target)) != self._file):
            worker.end()
            return None
        return worker

    def _let_go(self) -> WorkerProcess | None:
        worker, self._worker = self._worker, None
        return worker
