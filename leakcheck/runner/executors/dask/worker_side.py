"""What a worker of the cluster runs: it starts an office for the errand, and hands on what that says.

Dask finds these functions by the module's name. Nothing of the user's is imported here, nor in the office: a Dask
worker lives for days and has many users.
"""

import asyncio
import contextlib
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
from leakcheck.runner.executors.dask.job_process import ANSWER, DOING

_POLL_SECONDS = 0.25
_GRACE_SECONDS = 10.0
_LEAST_SECONDS_BETWEEN = 0.2
_MOST_CHARACTERS = 2000
_SHARED = "leakcheck-shared-"
_WANTED = ("executing", "long-running")
_CLOSING = ("closing", "closed", "failed")
_under_way: list[str] = []
"""The runs of the errands that offices of this worker are doing now."""

Say = Callable[[bytes], None]


class JobUnwanted(LeakcheckException):
    """Nobody waits for this errand any more."""


class JobProcessFailed(LeakcheckException):
    """The office ended without an answer; the message is the end of what it wrote."""


def do(errand: bytes, run: str) -> bytes:
    """Return the answer to an errand of a run; called by Dask, in a thread of its worker."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        # a cancelled task, or one whose client is gone, is forgotten by the scheduler, which tells its worker;
        # a worker that lost its scheduler closes, and waits with that for its threads
        task = worker.state.tasks.get(key)
        return task is not None and task.state in _WANTED and worker.status.name not in _CLOSING

    def say(doing: bytes) -> None:
        worker.log_event(run, {"key": str(key), "worker": worker.address, "doing": doing})

    say(b"")
    shared = shared_folder(worker, run)
    shared.mkdir(parents=True, exist_ok=True)
    _under_way.append(run)
    try:
        return _through_office(errand, shared, worker.address, is_wanted, say)
    finally:
        _under_way.remove(run)


async def look(errand: bytes, dask_worker: Any) -> bytes:
    """Return the answer to an errand that only asks whether it could be run here."""

    def asked() -> bytes:
        with tempfile.TemporaryDirectory(prefix="leakcheck-") as folder:
            return _through_office(errand, Path(folder), dask_worker.address, lambda: True, lambda doing: None)

    return await asyncio.to_thread(asked)


async def forget(run: str, dask_worker: Any) -> None:
    """Wait until nothing of a run is under way here any more, and remove what its processes left each other."""
    end = time.monotonic() + _GRACE_SECONDS
    while run in _under_way and time.monotonic() < end:
        await asyncio.sleep(0.05)
    await asyncio.to_thread(shutil.rmtree, shared_folder(dask_worker, run), ignore_errors=True)


def shared_folder(worker: Any, run: str) -> Path:
    """Return the folder of a run on this worker; it lies in the worker's own, and goes with it at the latest."""
    return Path(worker.local_directory) / f"{_SHARED}{run}"


def _through_office(errand: bytes, shared: Path, address: str, is_wanted: Callable[[], bool], say: Say) -> bytes:
    # -P: the folder that the worker was started in may hold a leakcheck of its own
    command = [sys.executable, "-P", "-m", "leakcheck.runner.executors.dask.job_process", str(shared), address]
    with (
        tempfile.TemporaryFile() as written,
        # a session of its own: who interrupts the worker in a terminal does not interrupt this one half-way
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, start_new_session=True
        ) as office,
    ):
        assert office.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                office.stdin.write(errand + b"\n")
                office.stdin.flush()
            for line in _throttled(_lines(office, is_wanted)):
                if line.startswith(ANSWER):
                    return line.removeprefix(ANSWER)
                if line.startswith(DOING):
                    say(line.removeprefix(DOING))
        finally:
            _let_go(office)
        written.seek(0, os.SEEK_END)
        written.seek(max(0, written.tell() - 4 * _MOST_CHARACTERS))
        said = written.read().decode(errors="replace").strip()[-_MOST_CHARACTERS:]
        raise JobProcessFailed(f"exit status {office.returncode}\n{said}")


def _lines(office: "subprocess.Popen[bytes]", is_wanted: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the lines as they come. Raises Unwanted."""
    assert office.stdout is not None
    pieces: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(office.stdout, selectors.EVENT_READ)
        while True:
            is_ready = selector.select(_POLL_SECONDS)
            if not is_wanted():
                raise JobUnwanted
            if not is_ready:
                continue
            data = os.read(office.stdout.fileno(), 1 << 20)
            if not data:
                return
            *whole, rest = data.split(b"\n")
            for end in whole:
                yield b"".join((*pieces, end))
                pieces.clear()
            pieces.append(rest)


def _throttled(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out progress that says nothing new, or comes right after other progress: the scheduler keeps each event."""
    told, last = 0.0, b""
    for line in lines:
        if line.startswith(DOING):
            if line == last or time.monotonic() - told < _LEAST_SECONDS_BETWEEN:
                continue
            told, last = time.monotonic(), line
        yield line


def _let_go(office: "subprocess.Popen[bytes]") -> None:
    """Close its input, upon which it ends what it measures and itself."""
    assert office.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        office.stdin.close()
    try:
        office.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        office.kill()
