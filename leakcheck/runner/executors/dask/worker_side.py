"""What runs in a Dask worker: it starts a process for each job, and passes on its activity and its answer.

Dask finds these functions by the module's name. Neither the worker nor the job process imports the user's code: a
Dask worker lives for days and has many users.
"""

import asyncio
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from leakcheck.model.errors import LeakcheckException
from leakcheck.runner.child_process import ChildProcess
from leakcheck.runner.executors.dask.job_process import ANSWER, DOING

_POLL_SECONDS = 0.25
_GRACE_SECONDS = 10.0
_LEAST_SECONDS_BETWEEN_EVENTS = 0.2
_SHARED_PREFIX = "leakcheck-shared-"
_RUNNING_STATES = ("executing", "long-running")
_CLOSING_STATES = ("closing", "closed", "failed")
_active_runs: list[str] = []
"""The run of each job that this worker is running now."""

LogEvent = Callable[[bytes], None]


class JobUnwanted(LeakcheckException):
    """Nobody waits for this job any more."""


class JobProcessFailed(LeakcheckException):
    """The job process ended without an answer; the message is the end of its output."""


def run_job(job: bytes, run: str) -> bytes:
    """Return the answer to a job of a run. Dask calls this in a thread of its worker."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        # a cancelled task, or one whose client is gone, is forgotten by the scheduler, which tells its worker; a
        # worker that lost its scheduler closes, but first waits for its threads, and so for this job
        task = worker.state.tasks.get(key)
        return task is not None and task.state in _RUNNING_STATES and worker.status.name not in _CLOSING_STATES

    def log_event(doing: bytes) -> None:
        worker.log_event(run, {"key": str(key), "worker": worker.address, "doing": doing})

    log_event(b"")
    shared = _shared_folder(worker, run)
    shared.mkdir(parents=True, exist_ok=True)
    _active_runs.append(run)
    try:
        return _run_process(job, shared, worker.address, is_wanted, log_event)
    finally:
        _active_runs.remove(run)


async def check_job(job: bytes, dask_worker: Any) -> bytes:
    """Return the answer to a job that only checks whether this worker could run it."""

    def check() -> bytes:
        with tempfile.TemporaryDirectory(prefix="leakcheck-") as folder:
            return _run_process(job, Path(folder), dask_worker.address, lambda: True, lambda doing: None)

    return await asyncio.to_thread(check)


async def clean_up_run(run: str, dask_worker: Any) -> None:
    """Wait until no job of a run is active on this worker, and remove the folder that its processes shared."""
    end = time.monotonic() + _GRACE_SECONDS
    while run in _active_runs and time.monotonic() < end:
        await asyncio.sleep(0.05)
    await asyncio.to_thread(shutil.rmtree, _shared_folder(dask_worker, run), ignore_errors=True)


def _shared_folder(worker: Any, run: str) -> Path:
    """Return the folder of a run, below the worker's own folder, which Dask removes at the latest with the worker."""
    return Path(worker.local_directory) / f"{_SHARED_PREFIX}{run}"


def _run_process(job: bytes, shared: Path, address: str, is_wanted: Callable[[], bool], log_event: LogEvent) -> bytes:
    # -P: the folder that the worker was started in may hold another leakcheck
    command = [sys.executable, "-P", "-m", "leakcheck.runner.executors.dask.job_process", str(shared), address]
    with tempfile.NamedTemporaryFile(prefix="leakcheck-") as output:
        # pipes and no `RunnerChannel`: no code of the user's runs there, and an answer is long, with its captures
        process = ChildProcess(command, output=Path(output.name), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            process.send(job + b"\n")
            for line in _throttled(_lines(process, is_wanted)):
                if line.startswith(ANSWER):
                    return line.removeprefix(ANSWER)
                if line.startswith(DOING):
                    log_event(line.removeprefix(DOING))
        finally:
            process.end(_GRACE_SECONDS)  # without its input, it ends what it measures and then itself
        raise JobProcessFailed(f"the job process {process.describe_end()}\n{process.output_tail()}")


def _lines(process: ChildProcess, is_wanted: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the lines of the process's output as they come. Raises JobUnwanted."""
    assert process.stdout is not None
    pieces: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            is_ready = selector.select(_POLL_SECONDS)
            if not is_wanted():
                raise JobUnwanted
            if not is_ready:
                continue
            data = os.read(process.stdout.fileno(), 1 << 20)
            if not data:
                return
            *whole, rest = data.split(b"\n")
            for end in whole:
                yield b"".join((*pieces, end))
                pieces.clear()
            pieces.append(rest)


def _throttled(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Drop activity that repeats the last, or comes right after it: the scheduler keeps every event."""
    logged, last = 0.0, b""
    for line in lines:
        if line.startswith(DOING):
            if line == last or time.monotonic() - logged < _LEAST_SECONDS_BETWEEN_EVENTS:
                continue
            logged, last = time.monotonic(), line
        yield line
