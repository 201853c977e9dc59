"""What the kernel tells of the work that another process does."""

from dataclasses import dataclass
from pathlib import Path

import psutil

_NANOSECONDS = 1e-9
_FAULTS_FIELD = 7
"""Where /proc/PID/stat has the minor page faults, counted behind the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a process and those that it has started did so far."""

    busy_seconds: float = 0.0
    """How long they ran or wanted to run: on a busy machine much of it is spent in the run queue."""
    new_pages: int = 0
    """The pages of memory that they touched for the first time."""

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(busy_seconds=self.busy_seconds + other.busy_seconds, new_pages=self.new_pages + other.new_pages)


def effort_of(pid: int) -> Effort:
    """Return what a process did so far; nothing for one that is gone."""
    try:
        process = psutil.Process(pid)
        return sum((_effort_of_one(one) for one in (process, *process.children(recursive=True))), Effort())
    except psutil.Error:
        return Effort()


def _effort_of_one(process: psutil.Process) -> Effort:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return Effort()
    # with its children that have ended
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    busy: float = times.user + times.system + ended + _queued_seconds(process.pid)
    return Effort(busy_seconds=busy, new_pages=_new_pages(process.pid))


def _queued_seconds(pid: int) -> float:
    nanoseconds = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            nanoseconds += int(file.read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            pass  # it has ended meanwhile, or the kernel keeps no such count
    return nanoseconds * _NANOSECONDS


def _new_pages(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # its own, and those of its children that have ended
        return int(fields[_FAULTS_FIELD]) + int(fields[_FAULTS_FIELD + 1])
    except (OSError, ValueError, IndexError):
        return 0
