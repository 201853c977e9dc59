"""The memory of the processes that a scenario starts and that live on from call to call: pools, servers."""

from dataclasses import dataclass

from leakcheck.model.verdict import Verdict


def count_of_children(count: int) -> str:
    """Return a number of child processes in words (`1 child process`, `4 child processes`)."""
    return f"{count:,} child process{'' if count == 1 else 'es'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenReading:
    """What the child processes take at one moment, their own children included."""

    processes: int = 0
    """Those that ran at the reading before, too."""
    unmeasured: int = 0
    """Those of them whose memory cannot be read."""
    held_bytes: int = 0
    """What all take that run now."""
    gained_bytes: int = 0
    """What those that run now have gained since each was read for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """What was found out about the memory of child processes that outlive a call."""

    processes: int
    """How many ran at the last reading at which one did."""
    unmeasured: int
    """Those of them whose memory could not be read."""
    verdict: Verdict
    """clean, leak or inconclusive, of the children alone."""
    bytes_per_1000_calls: float = 0.0
    low: float = 0.0
    high: float = 0.0
    """The bounds (95 %) of what all of them together gain per 1000 calls."""
    calls: tuple[int, ...] = ()
    """How many calls had been replayed at each reading."""
    held_bytes: tuple[int, ...] = ()
    """What all of them together held then."""
