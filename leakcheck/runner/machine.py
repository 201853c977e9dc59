"""The cores and memory that this process may use, within its CPU affinity and control group."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")
_GROUPS = Path("/sys/fs/cgroup")
_RECLAIMABLE = ("active_file", "inactive_file", "slab_reclaimable")
_MEMBERSHIP = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The limits of the control groups of this process; None for what is not limited."""

    version: int
    """1 or 2; 0 where there are no control groups."""
    cores: float | None = None
    memory_bytes: float | None = None


def current_folder() -> str:
    """Return the working folder; the empty path where it was deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def cores(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return how many cores may be used: those of the affinity, fewer where the control group has a CPU quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(groups, membership) if (quota := _quota(folder)) is not None]
    # rounded up: a quota of one and a half cores keeps two busy for most of the time
    return max(1, min([affinity, *(math.ceil(quota) for quota in quotas)]))


def free_bytes(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> float:
    """Return the bytes that are available, fewer where the control group has a limit."""
    available = [free for folder in _folders(groups, membership) if (free := _available(folder)) is not None]
    return max(0.0, min([_memory("available"), *available]))


def all_bytes() -> float:
    """Return the bytes of memory that the machine has, whatever the limits."""
    return _memory("total")


def _memory(name: str) -> float:
    """Return a figure of psutil's; where it cannot be read (no /proc), all pages of the machine."""
    try:
        return float(getattr(psutil.virtual_memory(), name))
    except (OSError, psutil.Error):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def control_group(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> ControlGroup:
    """Return the version of the control groups, and the lowest of their limits."""
    if not (groups / "cgroup.controllers").exists():
        # the lines of version 1 name their controllers: `4:memory:/job`
        lines = _read(membership, str.splitlines) or []
        return ControlGroup(version=1 if any(line.split(":")[1] for line in lines if line.count(":") > 1) else 0)
    folders = list(_folders(groups, membership))
    quotas = [quota for folder in folders if (quota := _quota(folder)) is not None]
    limits = [limit for folder in folders if (limit := _read(folder / "memory.max", float)) is not None]
    return ControlGroup(version=2, cores=min(quotas, default=None), memory_bytes=min(limits, default=None))


def _folders(groups: Path, membership: Path) -> Iterator[Path]:
    """Yield the folder of the control group (version 2) and of its ancestors: each has limits of its own."""
    for line in _read(membership, str.splitlines) or ():
        number, _, path = line.partition("::")
        if number == "0":
            folder = groups / path.lstrip("/")
            yield from (folder, *(parent for parent in folder.parents if parent.is_relative_to(groups)))


def _quota(folder: Path) -> float | None:
    """Return cores from `cpu.max`, which reads `150000 100000` or `max 100000`."""

    def parse(text: str) -> float | None:
        quota, period = text.split()
        return None if quota == "max" else float(quota) / float(period)

    return _read(folder / "cpu.max", parse)


def _available(folder: Path) -> float | None:
    limit = _read(folder / "memory.max", float)  # "max" is no number
    used = _read(folder / "memory.current", float)
    if limit is None or used is None:
        return None
    # cached files count as used, but the kernel drops them when memory is needed
    return limit - used + (_read(folder / "memory.stat", _reclaimable) or 0.0)


def _reclaimable(text: str) -> float:
    counts = dict(line.split() for line in text.splitlines())
    return sum(float(counts.get(name, 0)) for name in _RECLAIMABLE)


def _read(path: Path, parse: Callable[[str], Answer]) -> Answer | None:
    """Return the parsed content of a file of the kernel; None where it is missing or cannot be parsed."""
    try:
        return parse(path.read_text(encoding="ascii"))
    except (OSError, ValueError, ZeroDivisionError, IndexError):
        return None
