"""Why a scenario grows: growing containers, retention paths, allocation sites, resources.

A share is a fraction of the measured growth. It may slightly exceed 1.0, because each part is measured by itself.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Self

from leakcheck.model.document_text import Day, Fingerprint, Name
from leakcheck.model.protocol import ResourceKind as ResourceKind  # the measured process loads it without this module
from leakcheck.model.stacks import Frame, StackTree, frame_to_name
from leakcheck.model.verdict import Gate, Verdict


class Explain(StrEnum):
    """When growth is explained."""

    AUTO = "auto"
    """If memory grew, or grew over budget."""
    ALWAYS = "always"
    NEVER = "never"


class _LabelledEnum(StrEnum):
    label: str
    """What reports call it."""

    def __new__(cls, word: str, label: str = "") -> Self:
        member = str.__new__(cls, word)
        member._value_, member.label = word, label or word
        return member


class TracerName(_LabelledEnum):
    """The tracer that found the allocation sites."""

    MEMRAY = "memray"
    MEMRAY_NATIVE = "memray_native", "memray with native frames"
    """memray with native frames."""
    TRACEMALLOC = "tracemalloc"
    LINES = "lines", "malloc's live bytes, line by line"
    """Live bytes read at every line, for memory that the other tracers do not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationSite:
    """A line whose live bytes grow: in the user's code, or in a library if no line of the user leads there."""

    bytes_per_1000_calls: float
    low: float
    high: float
    """The smallest and the largest growth between any two windows."""
    blocks_per_1000_calls: float
    share: float
    frames: tuple[Frame, ...]
    """Its heaviest stack, innermost first."""
    stacks: int
    """How many growing stacks lead through this line."""
    native: bool = False
    """Allocated by native code, not through Python's allocators."""
    fingerprint: Fingerprint = ""

    @property
    def frame(self) -> Frame:
        """The frame to name first; see `frame_to_name`."""
        return frame_to_name(self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One step of a retention path: `newsletter.views` (module), `.SENT` (list), `[*]` (QuerySet)."""

    step: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowingContainer:
    """A container whose length increases with the calls."""

    name: Name
    """Readable name: `newsletter.views.SENT`, `render (lru_cache)`."""
    kind: str
    """The type, with its limit: `list`, `deque(maxlen=2000)`."""
    where: str = ""
    """How it is reached, unless as an attribute of a module: `class attribute`, `thread-local`."""
    length: int
    length_per_call: float
    limit: int | None = None
    """The maximum length; None if none is known."""
    stopped: bool = False
    """It grew and stopped before the search ended; its present length is the limit."""
    bytes_per_1000_calls: float | None = None
    """Memory that only its new entries hold, measured by removing them; None if that failed."""
    share: float | None = None
    fingerprint: Fingerprint = ""

    @property
    def calls_until_full(self) -> float | None:
        """Further calls until it is full; None if no limit is known or it does not grow."""
        if self.limit is None or self.length_per_call <= 0:
            return None
        return max(0.0, (self.limit - self.length) / self.length_per_call)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPath:
    """Path of references from a root to a retained object, at most a dozen links long."""

    links: tuple[Link, ...]
    kept_function: Frame | None = None
    """Definition of the user's function that is retained: a receiver, a callback, a suspended coroutine."""
    set_at: Frame | None = None
    """The user's line that sets the context variable, if the path leads through one."""
    bytes_per_1000_calls: float | None = None
    share: float | None = None
    objects_per_call: float = 0.0
    """Objects per call that only this path leads to; only objects tracked by the garbage collector are counted."""
    held_by_native: bool = False
    """The first object has a reference that no Python object accounts for."""
    first_objects_per_call: float = 0.0
    """If native code holds it: how many objects per call it refers to directly."""
    native: Frame | None = None
    """The extension's function that allocated it; None if no tracer saw it."""
    line: Frame | None = None
    """If native code holds it: the line that allocated it; None if no tracer saw it."""
    fingerprint: Fingerprint = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCount:
    """A named resource and its count (`/var/log/app.log`, 212)."""

    what: Name
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything found about why a scenario grows; incomplete if a pass failed or ran out of time."""

    containers: tuple[GrowingContainer, ...] = ()
    retention_paths: tuple[RetentionPath, ...] = ()
    nothing_in_python: bool = False
    """The retention pass was complete, the growth is native, and no Python object explains it."""
    allocation_sites: tuple[AllocationSite, ...] = ()
    allocation_tracer: TracerName | None = None
    explained_fraction: float | None = None
    """Growth of all sites as a share of the measured growth; None if there was no allocation pass."""
    growth_stacks: StackTree = field(default_factory=StackTree)
    """The growing stacks, in bytes per 1000 calls."""
    notes: tuple[str, ...] = ()
    """Sentences on what could not be explained, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntry:
    """An entry of the list of known leaks in pyproject.toml."""

    reason: str
    """Why it is accepted."""
    fingerprint: Fingerprint = ""
    """The fingerprint that is printed with the leak. Either this or `match` is needed."""
    match: Name = ""
    """Pattern for names of containers, steps of retention paths and lines of allocation sites (`*SENT*`)."""
    scenario: Name = "*"
    """Pattern for the ids of the scenarios that it applies to."""
    expires: date | None = None
    """The last day on which it applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLeak:
    """A known leak found in a result: it is measured and listed separately, and does not fail the run."""

    entry: Name
    """Fingerprint or pattern of the entry."""
    reason: str
    bytes_per_1000_calls: float
    share: float
    expired: Day | None = None
    """Date on which the entry expired; then the leak does fail the run."""
    scenario: str = "*"
    """The entry's pattern for scenario ids."""
    causes: tuple[str, ...] = ()
    """Fingerprints that the entry covers: of what holds the leak, and of what allocates it."""


class PageKind(_LabelledEnum):
    """What resident pages contain."""

    LIVE = "live", "live in the heap"
    FREE = "free", "freed in malloc's heap and not used again"
    ARENAS = "arenas", "freed in Python's arenas and not used again"
    STACKS = "stacks", "stacks of threads"
    FILES = "files", "mapped files and shared memory"
    MAPPED = "mapped", "mapped past the heap"
    UNREAD = "unread", "in memory whose allocator cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentPart:
    """A part of the growth of resident pages."""

    kind: PageKind
    bytes_per_1000_calls: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StackBytes:
    """What one stack allocated and still holds, as bytes of the allocator's blocks."""

    frames: tuple[Frame, ...]
    """Innermost first."""
    bytes: float
    blocks: float
    native: bool = False
    realloc: bool = False
    """Its blocks were resized, as the table of a list is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was allocated in a window of calls and still held at its end, by stack."""

    calls: int
    stacks: tuple[StackBytes, ...]
    other_bytes: float = 0.0
    """Bytes of stacks below the display threshold."""
    before: int = 0
    """Calls replayed in the process before this window."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakSite:
    """A line that held much at the high-water mark of one call."""

    bytes: float
    share: float
    """Fraction of the peak."""
    frames: tuple[Frame, ...]
    """Its heaviest stack, innermost first."""
    stacks: int
    beside: tuple[str, ...] = ()
    """Functions on much of the allocation, but not on the heaviest stack: `django/db/models/query.py get`."""

    @property
    def frame(self) -> Frame:
        """The frame to name first; see `frame_to_name`."""
        return frame_to_name(self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that increases with the calls. Counts are exact; the bounds show how regular the increase is."""

    kind: ResourceKind
    per_1000_calls: float
    low: float
    high: float
    budget_per_1000_calls: float
    verdict: Verdict
    gate: Gate
    count: int = 0
    """Count at the last reading."""
    named: tuple[NamedCount, ...] = ()
    """The individual resources, most frequent first."""
