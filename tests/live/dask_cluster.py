"""A real Dask cluster on loopback: a scheduler, and workers that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.live.beside import wait_until
from tests.live.command import bare_environment

_START_SECONDS = 60.0
RESOURCES = "cores=1 memory=4e9"
OF_OTHERS = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "DASK_TEMPORARY__X": "1", "PYTHONWARNINGS": "ignore"}
"""Variables of whoever started the workers."""


class Fleet:
    """One scheduler, and the workers that were started for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self._file)
        )
        wait_until(self._has_started, seconds=_START_SECONDS)
        self.address: str = json.loads(self._file.read_text())["address"]

    def _has_started(self) -> bool:
        try:
            return bool(json.loads(self._file.read_text())["address"])
        except (OSError, ValueError):
            return False

    @property
    def executor(self) -> str:
        """Return what `--executor` takes."""
        return f"dask:{self.address}"

    def start_worker(
        self, *, nanny: bool = False, resources: str | None = RESOURCES, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a worker and wait until the scheduler has it. It runs in a folder where nothing of the user's is."""
        name = f"worker-{time.monotonic_ns()}"
        said = ["--nanny" if nanny else "--no-nanny", "--name", name, "--nthreads", "1"]
        said += ["--local-directory", str(self._folder)]
        said += [] if resources is None else ["--resources", resources]
        worker = self._start("worker", self.address, *said, environment=environment)
        self._workers.append(worker)
        log = self._folder / f"{worker.pid}.log"
        # its own log tells it, and costs no connection
        wait_until(lambda: "Registered to" in log.read_text(), seconds=_START_SECONDS)
        return worker

    def complete(self, count: int = 2) -> None:
        """Have so many workers that live; the first has a nanny, as workers have that nobody told otherwise."""
        self._workers = [one for one in self._workers if one.poll() is None]
        while len(self._workers) < count:
            self.start_worker(nanny=not self._workers, environment=OF_OTHERS)

    def stop(self, worker: "subprocess.Popen[bytes]") -> None:
        """End a worker."""
        _end(worker)
        self._workers.remove(worker)

    def close(self) -> None:
        """End everything."""
        for process in [*self._workers, self.scheduler]:
            _end(process)

    def _start(
        self, what: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, "--no-dashboard"]
        elsewhere = self._folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        log = self._folder / "starting.log"
        with log.open("wb") as file:
            started = subprocess.Popen(
                command,
                cwd=elsewhere,
                env={**bare_environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        log.rename(self._folder / f"{started.pid}.log")
        return started


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all that it started."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in below:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            pass


def dask_worker_of(pid: int) -> psutil.Process:
    """Return the Dask worker that a measured process belongs to: its parent's parent."""
    office = psutil.Process(pid).parent()
    assert office is not None
    assert "leakcheck.runner.executors.dask.job_process" in office.cmdline()
    worker = office.parent()
    assert worker is not None
    return worker


def kill(pid: int) -> None:
    """Kill a process as the kernel does that has no memory left."""
    os.kill(pid, signal.SIGKILL)
