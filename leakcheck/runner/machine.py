"""What this machine lets us have: cores and memory, within the affinity and the control group we run in."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")
_GROUPS = Path("/sys/fs/cgroup")
_RECLAIMED = ("active_file", "inactive_file", "slab_reclaimable")
_MEMBERSHIP = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The limits of the control groups that this process lies in; None for what is not limited."""

    version: int
    """0 where there is none."""
    cores: float | None = None
    memory_bytes: float | None = None


def current_folder() -> str:
    """Return the folder that we were called in; the empty path where it was deleted meanwhile."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def cores(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return how many cores may be used: those of our affinity, fewer where the control group has a quota of CPU."""
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(groups, membership) if (quota := _quota(folder)) is not None]
    # a quota of one and a half cores keeps two busy for most of the time
    return max(1, min([ours, *(math.ceil(quota) for quota in quotas)]))


def free_bytes(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> float:
    """Return the memory that can be had: what is available, less where the control group has a limit."""
    rooms = [room for folder in _folders(groups, membership) if (room := _room(folder)) is not None]
    return max(0.0, min([_memory("available"), *rooms]))


def all_bytes() -> float:
    """Return the memory that the machine has, whatever we may take of it."""
    return _memory("total")


def _memory(name: str) -> float:
    """Return a figure of psutil's; where there is no /proc to take it from, all pages of the machine."""
    try:
        return float(getattr(psutil.virtual_memory(), name))
    except (OSError, psutil.Error):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def control_group(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> ControlGroup:
    """Return which control groups there are, and the narrowest of their limits."""
    if not (groups / "cgroup.controllers").exists():
        # the lines of version 1 name their controllers: `4:memory:/job`
        lines = _read(membership, str.splitlines) or []
        return ControlGroup(version=1 if any(line.split(":")[1] for line in lines if line.count(":") > 1) else 0)
    folders = list(_folders(groups, membership))
    quotas = [quota for folder in folders if (quota := _quota(folder)) is not None]
    limits = [limit for folder in folders if (limit := _read(folder / "memory.max", float)) is not None]
    return ControlGroup(version=2, cores=min(quotas, default=None), memory_bytes=min(limits, default=None))


def _folders(groups: Path, membership: Path) -> Iterator[Path]:
    """Yield the folder of our control group (version 2) and of those around it: each has limits of its own."""
    for line in _read(membership, str.splitlines) or ():
        number, _, path = line.partition("::")
        if number == "0":
            inside = groups / path.lstrip("/")
            yield from (inside, *(above for above in inside.parents if above.is_relative_to(groups)))


def _quota(folder: Path) -> float | None:
    """Return cores from `cpu.max`, which reads `150000 100000` or `max 100000`."""

    def parse(text: str) -> float | None:
        quota, period = text.split()
        return None if quota == "max" else float(quota) / float(period)

    return _read(folder / "cpu.max", parse)


def _room(folder: Path) -> float | None:
    limit = _read(folder / "memory.max", float)  # "max" is no number
    used = _read(folder / "memory.current", float)
    if limit is None or used is None:
        return None
    # what the kernel keeps of files is counted as used, and given up when somebody needs the room
    return limit - used + (_read(folder / "memory.stat", _given_up) or 0.0)


def _given_up(text: str) -> float:
    counts = dict(line.split() for line in text.splitlines())
    return sum(float(counts.get(name, 0)) for name in _RECLAIMED)


def _read(path: Path, parse: Callable[[str], Answer]) -> Answer | None:
    """Return what a file of the kernel says; None where there is no such file, or it says something else."""
    try:
        return parse(path.read_text(encoding="ascii"))
    except (OSError, ValueError, ZeroDivisionError, IndexError):
        return None
