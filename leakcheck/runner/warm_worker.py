"""A warm worker: the process that collected the first file waits, and measures that file's first scenario.

What it has imported (a project, its libraries) is not imported a second time, which would take longer than the calls
of a quiet scenario.
"""

from types import TracebackType
from typing import Self

from leakcheck.model.protocol import PassRequest
from leakcheck.runner.worker_process import WorkerProcess
from leakcheck.scenario import Target, parse_target


def file_of(target: Target) -> Target:
    """Return the target that is collected for this one: its whole file, or the target itself."""
    return Target(path=target.path) if target.path is not None else target


class WarmWorker:
    """Keeps at most one such process. Use it as a context manager: leaving ends the process that still waits."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._file: Target | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        worker = self._release()
        if worker is not None:
            worker.end()

    def wants(self, file: Target) -> bool:
        """Return whether to keep the process that collected a file: the first, and no site, which is open by then."""
        return self._file is None and file.kind != "site"

    def keep(self, worker: WorkerProcess, file: Target) -> None:
        """Keep a process that has collected a file, and done nothing else."""
        self._worker, self._file = worker, file

    def take_for(self, request: PassRequest) -> WorkerProcess | None:
        """Return the process for the first growth pass of a run, or None; one that cannot make it is ended.

        Where a set-up is to run before the import, the process has imported too early.
        """
        worker = self._release()
        if worker is not None and (request.setup is not None or file_of(parse_target(request.target)) != self._file):
            worker.end()
            return None
        return worker

    def _release(self) -> WorkerProcess | None:
        worker, self._worker = self._worker, None
        return worker
