"""Other processes, as the kernel knows them: who started whom, whether one is still the same, and signals to it.

A pid is given to another process when the first one has ended. So a process is known by its pid and its start, and is
signalled only while both are true.
"""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_WAITED_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, and no later one with the same pid."""

    pid: int
    start: float
    """When it began: in ticks of the kernel since the machine's start, or in seconds where there is no /proc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """What the kernel says of a process."""

    process: ProcessId
    parent: int
    session: int
    is_over: bool
    """It has ended, and nobody has waited for it."""


def status_of(pid: int) -> ProcessStatus | None:
    """Return what is said of a pid; None where nobody has it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None if _HAS_PROC else _status_elsewhere(pid)
    # a program's name may hold anything, brackets too
    fields = text.rpartition(")")[2].split()
    return ProcessStatus(
        process=ProcessId(pid, float(fields[19])),
        parent=int(fields[1]),
        session=int(fields[3]),
        is_over=fields[0] in ("Z", "X"),
    )


def children_of(pid: int, *, of_main_thread: bool = False) -> list[int]:
    """Return the pids of the children of a process; of those that its main thread started, or adopted, alone."""
    try:
        threads = [str(pid)] if of_main_thread else [entry.name for entry in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        threads = []
    found: list[int] = []
    for thread in threads:
        try:
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split())
        except OSError:
            continue  # it has ended meanwhile
    return found if _LISTS_CHILDREN else _children_elsewhere(pid)


def environment_of(pid: int) -> frozenset[bytes]:
    """Return the variables (`NAME=value`) that a process was started with; none where that cannot be read."""
    try:
        for _ in range(2):
            if variables := Path(f"/proc/{pid}/environ").read_bytes():
                return frozenset(variables.split(b"\0"))
            time.sleep(_WAITED_SECONDS)  # for a moment after it became another program it seems to have none
    except OSError:
        pass
    return frozenset()


def is_alive(process: ProcessId) -> bool:
    """Tell whether this very process still runs."""
    status = status_of(process.pid)
    return status is not None and status.process == process and not status.is_over


def outlasts_signals(process: ProcessId) -> bool:
    """Tell whether a process ignores what would end it: it waits for others to end, and tidies up after them.

    multiprocessing's tracker of semaphores and shared memory does so.
    """
    try:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        ignored = next(int(line.split()[1], 16) for line in text.splitlines() if line.startswith("SigIgn:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return False
    return all(ignored >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM))


def send(process: ProcessId, number: int) -> None:
    """Signal a process, if it still is the one that is meant."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        _send_by_number(process, number)
        return
    try:
        # what the descriptor stands for cannot become another one any more
        if is_alive(process):
            signal.pidfd_send_signal(descriptor, number)
    except OSError:
        pass  # it has ended, or belongs to somebody else
    finally:
        os.close(descriptor)


def _send_by_number(process: ProcessId, number: int) -> None:
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except OSError:
            pass


def wait_for_the_end(processes: Iterable[ProcessId], seconds: float) -> list[ProcessId]:
    """Return which of these still run after so many seconds; those that are our children are waited for."""
    end = time.monotonic() + seconds
    left = list(processes)
    while True:
        for process in left:
            reap(process)
        left = [process for process in left if is_alive(process)]
        if not left or time.monotonic() > end:
            return left
        time.sleep(_WAITED_SECONDS)


def reap(process: ProcessId) -> None:
    """Wait for a process that has ended, where it is a child of ours: nobody else would."""
    status = status_of(process.pid)
    if status is None or not status.is_over or status.process != process or status.parent != os.getpid():
        return
    try:
        os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        pass


_HAS_PROC = Path("/proc/self/stat").exists()
_LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _children_elsewhere(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _status_elsewhere(pid: int) -> ProcessStatus | None:
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
