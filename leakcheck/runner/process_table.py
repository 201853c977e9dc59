"""Other processes: their parents, children and environments, and signals that reach no wrong process.

The pid of a process that has ended is given to another one. So a process is identified by its pid and its start time,
and signalled only while both match.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class ProcessId:
    """Identifies a process, and no later one with the same pid."""

    pid: int
    start: float
    """When it started: in clock ticks since the machine's boot, or in seconds where there is no /proc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The state of a process."""

    process: ProcessId
    parent: int
    session: int
    is_over: bool
    """It has ended, and its parent has not waited for it: it is a zombie."""


def status_of(pid: int) -> ProcessStatus | None:
    """Return the status of a pid; None where no process has it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None if _HAS_PROC else _status_from_psutil(pid)
    # a program's name may hold anything, brackets too
    fields = text.rpartition(")")[2].split()
    return ProcessStatus(
        process=ProcessId(pid, float(fields[19])),
        parent=int(fields[1]),
        session=int(fields[3]),
        is_over=fields[0] in ("Z", "X"),
    )


def children_of(pid: int, *, of_main_thread: bool = False) -> list[int]:
    """Return the pids of a process's children; with `of_main_thread`, only those that its main thread has."""
    try:
        threads = [str(pid)] if of_main_thread else [entry.name for entry in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        threads = []
    pids: list[int] = []
    for thread in threads:
        try:
            pids += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split())
        except OSError:
            continue  # the thread has ended meanwhile
    return pids if _LISTS_CHILDREN else _children_from_psutil(pid)


def environment_of(pid: int) -> frozenset[bytes]:
    """Return the variables (`NAME=value`) that a process was started with; empty where they cannot be read."""
    try:
        for _ in range(2):
            if variables := Path(f"/proc/{pid}/environ").read_bytes():
                return frozenset(variables.split(b"\0"))
            time.sleep(_POLL_SECONDS)  # for a moment after exec, the file is empty
    except OSError:
        pass
    return frozenset()


def is_alive(process: ProcessId) -> bool:
    """Return whether this very process still runs."""
    status = status_of(process.pid)
    return status is not None and status.process == process and not status.is_over


def outlasts_signals(process: ProcessId) -> bool:
    """Return whether a process ignores SIGINT and SIGTERM, because it waits for others to end and cleans up after them.

    The resource tracker of multiprocessing (semaphores, shared memory) does so.
    """
    try:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        ignored = next(int(line.split()[1], 16) for line in text.splitlines() if line.startswith("SigIgn:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return False
    return all(ignored >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM))


def send(process: ProcessId, number: int) -> None:
    """Signal this very process; do nothing where it has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        if is_alive(process):
            with suppress(OSError):
                os.kill(process.pid, number)
        return
    try:
        # checked after opening: the descriptor keeps referring to the same process
        if is_alive(process):
            signal.pidfd_send_signal(descriptor, number)
    except OSError:
        pass  # it has ended, or belongs to another user
    finally:
        os.close(descriptor)


def wait_for_end(processes: Iterable[ProcessId], seconds: float) -> list[ProcessId]:
    """Return which of these still run after so many seconds, and reap those that are children of this process."""
    end = time.monotonic() + seconds
    left = list(processes)
    while True:
        for process in left:
            reap(process)
        left = [process for process in left if is_alive(process)]
        if not left or time.monotonic() > end:
            return left
        time.sleep(_POLL_SECONDS)


def reap(process: ProcessId) -> None:
    """Wait for a process that has ended, where it is a child of this one: no other process can."""
    status = status_of(process.pid)
    if status is None or not status.is_over or status.process != process or status.parent != os.getpid():
        return
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


_HAS_PROC = Path("/proc/self/stat").exists()
_LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _children_from_psutil(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _status_from_psutil(pid: int) -> ProcessStatus | None:
    try:
        process = psutil.Process(pid)
        return ProcessStatus(
            process=ProcessId(pid, process.create_time()),
            parent=process.ppid(),
            session=os.getsid(pid),
            is_over=process.status() == psutil.STATUS_ZOMBIE,
        )
    except (psutil.Error, OSError):
        return None
