"""How long the search may take, and how much memory: a search that has no end finds nothing."""

from time import perf_counter

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_LEAST_EXTRA_BYTES = 256 << 20
_SHARE_OF_HEAP = 0.8
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_bytes() -> int:
    """Return the resident pages of this process; 0 without a /proc."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as statm:
            return int(statm.read(100).split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


class SearchBudget:
    """A clock that runs while we search, and stands while the user's calls run."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._spent = 0.0
        self._since = perf_counter()
        self._resident = resident_bytes()
        self.most_bytes = max(_LEAST_EXTRA_BYTES, int(_SHARE_OF_HEAP * self._resident))
        """How much memory may be taken for the search."""
        self.stopped_by = ""
        """`time` or `memory` where the search was cut short."""

    def pause(self) -> None:
        """Stop the clock: calls run now."""
        self._spent += perf_counter() - self._since

    def go_on(self) -> None:
        """Let the clock run again; what the calls have taken of memory is not the search's doing."""
        self._since = perf_counter()
        self._resident = resident_bytes()

    @property
    def seconds(self) -> float:
        """Return the seconds spent so far."""
        return self._spent + perf_counter() - self._since

    @property
    def left(self) -> float:
        """Return the seconds left, 0 where there are none."""
        return max(0.0, self._seconds - self.seconds)

    def is_half_spent(self) -> bool:
        """Tell whether what could be left out should be."""
        return self.left < self._seconds / 2

    def is_spent(self) -> bool:
        """Tell whether to come to an end, and remember why."""
        if self.left <= 0:
            self.stopped_by = self.stopped_by or "time"
        elif resident_bytes() - self._resident > self.most_bytes:
            self.stopped_by = "memory"
        return bool(self.stopped_by)
