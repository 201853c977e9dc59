"""Memory of the processes that a scenario starts and that outlive a call, such as pools and servers."""

from dataclasses import dataclass

from leakcheck.model.verdict import Verdict


def count_of_children(count: int) -> str:
    """Return the count with its noun (`1 child process`, `4 child processes`)."""
    return f"{count:,} child process{'' if count == 1 else 'es'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenReading:
    """Memory of all child processes at one moment, their own children included."""

    processes: int = 0
    """Those that also ran at the previous reading."""
    unmeasured: int = 0
    """Those of them whose memory cannot be read."""
    held_bytes: int = 0
    """Memory of all that run now."""
    gained_bytes: int = 0
    """Growth of those that run now, each since its first reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Growth of the child processes that outlive a call."""

    processes: int
    """How many ran at the last reading at which any did."""
    unmeasured: int
    """Those of them whose memory could not be read."""
    verdict: Verdict
    """clean, leak or inconclusive; of the child processes alone."""
    bytes_per_1000_calls: float = 0.0
    low: float = 0.0
    high: float = 0.0
    """95 % bounds of the growth of all of them together, in bytes per 1000 calls."""
    calls: tuple[int, ...] = ()
    """How many calls had been replayed at each reading."""
    held_bytes: tuple[int, ...] = ()
    """Memory of all of them together at that reading."""
