"""What a measured process answers: what it holds, what the meters read, how the user's code failed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from leakcheck.model.document_text import Lines, Name, Word
from leakcheck.model.explanation import StackBytes
from leakcheck.model.protocol import OptionValue, scenario_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioInfo:
    """A scenario as found in the user's file, one for each variant."""

    target: Name
    name: Name
    variant: Name | None = None
    lesson: str = ""
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    option_names: tuple[str, ...] | None = None
    """The options that the scenario takes; None where it takes any."""
    timeout_seconds: float | None = None
    memory_bytes: float | None = None
    """What its process takes at most, as it declares; None where it declares nothing."""

    @property
    def id(self) -> str:
        """The one spelling: `newsletter[naive]`."""
        return scenario_id(self.name, self.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRequest:
    """A request that a look at all of a site's URLs found and did not replay."""

    request: str
    """`GET /logout/`."""
    reason: str
    """What it does: `ends the session`, `takes an argument`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """A status that requests were answered with."""

    status: int
    """0 for one that HTTP does not have."""
    count: int
    """How many of the growth pass's calls."""
    leads_to: str | None = None
    """Where the first of them led, or ended where redirects were followed; None where it was no redirect."""
    varies: bool = False
    """Whether later ones led elsewhere."""

    @property
    def is_redirect(self) -> bool:
        """Tell whether it sends elsewhere, so that what was measured is no page."""
        return 300 <= self.status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The meters' values at the ends of windows, a column a meter, all columns of one length.

    A meter that the platform does not have is an empty column.
    """

    calls: tuple[int, ...] = ()
    """How many calls had been replayed when each reading was taken."""
    python_bytes: tuple[int, ...] = ()
    native_bytes: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    rss_bytes: tuple[int, ...] = ()
    arena_bytes: tuple[int, ...] = ()
    """What pymalloc has taken from the system for its blocks, those that are free included."""
    free_bytes: tuple[int, ...] = ()
    """What malloc holds and has not handed out."""
    mapped_bytes: tuple[int, ...] = ()
    """All of the address space, resident or not."""
    page_bytes: tuple[int, ...] = ()
    """The step in which memory becomes resident, where native memory is seen by pages alone."""
    open_files: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    children: tuple[int, ...] = ()
    """Child processes, those that ended and were never waited for included."""
    tasks: tuple[int, ...] = ()
    """asyncio tasks that are not done; 0 where asyncio is not loaded."""
    uncollectable: tuple[int, ...] = ()
    """Objects in `gc.garbage`."""

    @property
    def heap_bytes(self) -> tuple[int, ...]:
        """Every live byte of the program's allocators; empty where native bytes cannot be read."""
        return tuple(p + n for p, n in zip(self.python_bytes, self.native_bytes, strict=False))

    def __add__(self, later: "Readings") -> "Readings":
        return Readings(**{name: getattr(self, name) + getattr(later, name) for name in COLUMNS})


COLUMNS = tuple(Readings.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What the worker answers when it has replayed some windows."""

    readings: Readings
    calls: int
    """Calls replayed since the process began."""
    latencies_ns: tuple[int, ...]
    """The calls that were timed one by one; every call, where that costs next to nothing."""
    replay_seconds: float
    """Wall time spent in the user's calls."""
    settle_seconds: float
    """Wall time spent in collecting new garbage and reading meters, once a window."""
    set_aside_seconds: float
    """Wall time spent in collecting the whole heap, in the first blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedContainer:
    """A growing container with a limit, and what it was found to hold."""

    name: Name
    kind: Name
    limit: int
    length: int
    length_per_call: float
    bytes_per_entry: float
    """Bytes set free for each entry when the container was emptied in the dying process."""

    @property
    def bytes_per_1000_calls(self) -> float:
        """The growth that this container explains while it fills."""
        return 1000 * self.length_per_call * self.bytes_per_entry

    @property
    def calls_until_full(self) -> float:
        """Further calls after which it stops growing; infinitely many where it does not grow."""
        return math.inf if not self.length_per_call else (self.limit - self.length) / self.length_per_call


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedAnswer:
    """What a search for limits found in the calls that it replayed."""

    calls: int
    risen_bytes: int
    """What the heap gained in them."""
    has_ended: bool = False
    """The growth that was read does not go on, and something is full: nothing was weighed."""
    limited: tuple[BoundedContainer, ...] = ()
    """What has a limit, and gained entries in these calls."""
    beside: tuple[BoundedContainer, ...] = ()
    """What has none (its `limit` is 0), and gained an entry with each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakReading:
    """What the peak pass answers."""

    peak_bytes: int
    latencies_ns: tuple[int, ...]
    stacks: tuple[StackBytes, ...] = ()
    """What held the most when the most was held, in bytes as they were requested; the heaviest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How the user's code failed: what happened, where, and what to do about it."""

    kind: Word
    """nothing, import, usage, setup, unreached, raised, exited, died, hung, memory, missing, disk, teardown; start: no
    process could be started; answer: what the process said is not ours, or makes no sense; internal: our bug."""
    message: Lines
    call: int | None = None
    """The number of the call that failed; None where it was no call."""
    details: Lines = ""
    """The end of the traceback, or of what the process wrote."""
