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


_FURTHER = 4
"""Times the calls of the look before."""
_MOST_BYTES = 16 * 1024**2
"""Of a list of mappings; a process with more, some twenty thousand, is not looked at."""


class Looks:
    """The mappings of a process as the kernel lists them, now and then while calls are replayed.

    The list is read from outside and between two blocks of calls, so it costs the process nothing.
    """

    def __init__(self) -> None:
        self._taken: list[tuple[int, str]] = []

    def take(self, pid: int | None, calls: int, *, last: bool = False) -> None:
        """Look after so many calls, where they are four times those of the look before, or it is the last."""
        if pid is None or (not last and self._taken and calls < _FURTHER * self._taken[-1][0]):
            return
        text = _mappings(pid)
        if text is not None:
            self._taken.append((calls, text))

    @property
    def early_and_late(self) -> tuple[tuple[int, str], tuple[int, str]] | None:
        """Return the last look, and the one before that lies furthest into the first half of the calls."""
        early = [look for look in self._taken[:-1] if look[0] <= self._taken[-1][0] / 2]
        return (early[-1], self._taken[-1]) if early else None


def _mappings(pid: int) -> str | None:
    try:
        with Path(f"/proc/{pid}/smaps").open("rb") as file:
            listed = file.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return listed.decode("utf-8", "replace") if len(listed) <= _MOST_BYTES else None
