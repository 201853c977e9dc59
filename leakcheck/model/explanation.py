"""The facts of an explanation: what allocates, what grows, what holds it, and what else rises.

Frozen like all facts, with units in the names. A share is a part of the measured growth, 1.0 for
all of it; it may lie a little above, because each part is measured by itself.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from leakcheck.model.document_text import Day, Fingerprint, Name
from leakcheck.model.stacks import Frame, StackTree, frame_to_name
from leakcheck.model.verdict import Gate, Verdict


class Explain(StrEnum):
    """When a growth is explained."""

    AUTO = "auto"
    """Where memory grew, or grew over budget."""
    ALWAYS = "always"
    NEVER = "never"


class TracerName(StrEnum):
    """What told the sites."""

    MEMRAY = "memray"
    MEMRAY_NATIVE = "memray with native frames"
    TRACEMALLOC = "tracemalloc"
    LINES = "malloc's live bytes, line by line"
    """The exact meters, read at every line: for memory that neither of the others sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationSite:
    """A line whose live bytes grow: the user's own, or a library's where no own line led there."""

    bytes_per_1000_calls: float
    low: float
    high: float
    """The least and the most that any two windows said."""
    blocks_per_1000_calls: float
    share: float
    frames: tuple[Frame, ...]
    """Its heaviest stack, innermost first."""
    stacks: int
    """How many stacks lead through this line to an allocation that grows."""
    native: bool = False
    """Allocated by native code that went past Python's allocators."""
    fingerprint: Fingerprint = ""

    @property
    def frame(self) -> Frame:
        """The line to name first: the innermost of the user's own, else the innermost of Python."""
        return frame_to_name(self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One step of a retention path: `newsletter.views` (module), `.SENT` (list), `[*]` (QuerySet)."""

    step: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowingContainer:
    """Something with a length that rises with the calls."""

    name: Name
    """What a person would call it: `newsletter.views.SENT`, `render (lru_cache)`."""
    kind: str
    """Its type, with its limit: `list`, `deque(maxlen=2000)`."""
    where: str = ""
    """How it is reached, where that is no module's attribute: `class attribute`, `thread-local`."""
    length: int
    length_per_call: float
    limit: int | None = None
    """The length at which it stops; None where none is known."""
    stopped: bool = False
    """It grew, and stood still before the search ended: its limit is the length it has."""
    bytes_per_1000_calls: float | None = None
    """What its new entries hold alone, measured by taking them out; None where that failed."""
    share: float | None = None
    fingerprint: Fingerprint = ""

    @property
    def calls_until_full(self) -> float | None:
        """Further calls until it is full; None where no limit is known or it does not grow."""
        if self.limit is None or self.length_per_call <= 0:
            return None
        return max(0.0, (self.limit - self.length) / self.length_per_call)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPath:
    """How what stays is held: from a root to it, through at most a dozen links."""

    links: tuple[Link, ...]
    kept: Frame | None = None
    """Where a function of the user's was defined that it keeps: a receiver, a callback, a suspended coroutine."""
    set_at: Frame | None = None
    """The user's line that sets the context variable that it is."""
    bytes_per_1000_calls: float | None = None
    share: float | None = None
    objects_per_call: float = 0.0
    """Objects a call that this path alone leads to, as far as the collector knows them."""
    held_by_native: bool = False
    """The first object has a reference that no Python object owns."""
    first_objects_per_call: float = 0.0
    """Of what native code holds: how many objects a call it refers to itself."""
    native: Frame | None = None
    """The function of an extension that allocated for it, as far as a tracer told."""
    line: Frame | None = None
    """Of what native code holds: the line that allocated it, as far as a tracer told."""
    fingerprint: Fingerprint = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCount:
    """One kind of what rises, and how many of it there are (`/var/log/app.log`, 212)."""

    what: Name
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What was found out about why a scenario grows; as far as the search came."""

    containers: tuple[GrowingContainer, ...] = ()
    retention_paths: tuple[RetentionPath, ...] = ()
    nothing_in_python: bool = False
    """The search came to its end, the growth is native, and no Python object explains it."""
    sites: tuple[AllocationSite, ...] = ()
    sites_meter: TracerName | None = None
    explained_fraction: float | None = None
    """The sites' growth together, as a share of what was measured; None where no site was looked for."""
    growth_stacks: StackTree = field(default_factory=StackTree)
    """The stacks that grow, in bytes per 1000 calls."""
    notes: tuple[str, ...] = ()
    """What could not be found out, and why: sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntry:
    """An entry of the list of known leaks, as it stands in pyproject.toml."""

    reason: str
    """Why it is accepted."""
    fingerprint: Fingerprint = ""
    """The fingerprint that is printed with the leak; this, or `match`."""
    match: Name = ""
    """A pattern over the names of containers, the steps of paths and the lines of sites (`*SENT*`)."""
    scenario: Name = "*"
    """A pattern over the ids of scenarios that it is for."""
    expires: date | None = None
    """The last day on which it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLeak:
    """An accepted leak that this result has: it is measured, listed apart, and does not fail."""

    entry: Name
    """The fingerprint or the pattern of the entry."""
    reason: str
    bytes_per_1000_calls: float
    share: float
    expired: Day | None = None
    """The date on which the entry ran out; then it fails after all."""
    scenario: str = "*"
    """The entry's pattern over the ids of scenarios."""
    causes: tuple[str, ...] = ()
    """The fingerprints of the leak that the entry was found to name: what holds it, and what allocates it."""


# --- what resident pages consist of ---------------------------------------------------------------


class PageKind(StrEnum):
    """What resident pages are of."""

    LIVE = "live in the heap"
    FREE = "freed in malloc's heap and not used again"
    ARENAS = "freed in Python's arenas and not used again"
    STACKS = "stacks of threads"
    FILES = "mapped files and shared memory"
    MAPPED = "mapped past the heap"
    UNREAD = "in memory whose allocator cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentPart:
    """A part of what the resident pages grow by."""

    kind: PageKind
    bytes_per_1000_calls: float


# --- what a tracer saw ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StackBytes:
    """What one stack took and still holds, in bytes of the allocator's blocks."""

    frames: tuple[Frame, ...]
    """Innermost first."""
    bytes: float
    blocks: float
    native: bool = False
    realloc: bool = False
    """Its blocks were resized, as a list's table is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was taken in a window of calls and still held at its end, by stack."""

    calls: int
    stacks: tuple[StackBytes, ...]
    other_bytes: float = 0.0
    """Held by stacks too light to be told."""
    before: int = 0
    """Calls replayed in that process before the window."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakSite:
    """A line that held much when one call held the most."""

    bytes: float
    share: float
    """Of the high-water mark."""
    frames: tuple[Frame, ...]
    """Its heaviest stack, innermost first."""
    stacks: int
    beside: tuple[str, ...] = ()
    """Functions that much of it came through, and its heaviest stack did not: `django/db/models/query.py get`."""

    @property
    def frame(self) -> Frame:
        """The line to name first, as of a Site."""
        return frame_to_name(self.frames)


# --- what else rises ------------------------------------------------------------------------------


class ResourceKind(StrEnum):
    """What is counted beside memory."""

    OPEN_FILES = "open files"
    """Sockets and pipes included."""
    THREADS = "threads"
    CHILD_PROCESSES = "child processes"
    ASYNCIO_TASKS = "asyncio tasks"
    UNCOLLECTABLE_OBJECTS = "uncollectable objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that is counted, and rises with the calls. Counts are exact; the bounds tell how regularly it rises."""

    kind: ResourceKind
    per_1000_calls: float
    low: float
    high: float
    budget_per_1000_calls: float
    verdict: Verdict
    gate: Gate
    count: int = 0
    """How many there were at the last reading."""
    named: tuple[NamedCount, ...] = ()
    """What they are, the most frequent first."""
