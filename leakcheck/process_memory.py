"""What the kernel tells of the memory of another process."""

from pathlib import Path

import psutil


def high_water_mark(pid: int) -> int | None:
    """Return the most resident memory that a process ever had, in bytes (VmHWM); None for one that is gone.

    Where the kernel keeps no such mark, what is resident now.
    """
    peak = status_bytes(pid, "VmHWM:")
    if peak is not None:
        return peak
    try:
        resident: int = psutil.Process(pid).memory_info().rss
    except (psutil.Error, OSError):
        return None  # or there is no /proc
    return resident


def status_bytes(pid: int, name: str) -> int | None:
    """Return a line of a process's status in bytes; None where there is none."""
    try:
        with Path(f"/proc/{pid}/status").open(encoding="ascii", errors="replace") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
    except (OSError, StopIteration):
        return None
