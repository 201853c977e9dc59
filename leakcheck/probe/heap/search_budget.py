"""Limits on the time and memory that the retention search may take."""

from time import perf_counter

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_MIN_EXTRA_BYTES = 256 << 20  # any value from 2**26 to 2**30 does: a search takes less, unless it runs away
_SHARE_OF_HEAP = 0.8  # any value from 0.3 to 2 does: a search takes less, unless it runs away
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096  # not tuned: a page


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes; 0 without a /proc."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as statm:
            return int(statm.read(100).split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


class SearchBudget:
    """A clock that runs during the search and is paused while the user's calls run."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._spent = 0.0
        self._since = perf_counter()
        self._resident = resident_bytes()
        self._max_bytes = max(_MIN_EXTRA_BYTES, int(_SHARE_OF_HEAP * self._resident))
        self.stopped_by = ""
        """`time` or `memory` where the search was cut short."""

    def pause(self) -> None:
        """Pause the clock while calls run."""
        self._spent += perf_counter() - self._since

    def resume(self) -> None:
        """Resume the clock; memory that the calls have taken is not charged to the search."""
        self._since = perf_counter()
        self._resident = resident_bytes()

    @property
    def seconds(self) -> float:
        """Return the seconds spent so far."""
        return self._spent + perf_counter() - self._since

    @property
    def left(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self._seconds - self.seconds)

    def is_half_spent(self) -> bool:
        """Return whether optional steps should be skipped."""
        return self.left < self._seconds / 2

    def is_spent(self) -> bool:
        """Return whether the search should stop, and remember why."""
        if self.left <= 0:
            self.stopped_by = self.stopped_by or "time"
        elif resident_bytes() - self._resident > self._max_bytes:
            self.stopped_by = "memory"
        return bool(self.stopped_by)
