"""Messages from a measured process: scenarios it found, meter readings, containers with a limit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from leakcheck.model.document_text import Name
from leakcheck.model.explanation import StackBytes
from leakcheck.model.protocol import OptionValue, ResourceKind, scenario_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioInfo:
    """A collected scenario; there is one for each variant."""

    target: Name
    name: Name
    variant: Name | None = None
    description: str = ""
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    option_names: tuple[str, ...] | None = None
    """The options that the scenario accepts; None if it accepts any."""
    timeout_seconds: float | None = None
    memory_bytes: float | None = None
    """Declared maximum memory of its process; None if none is declared."""

    @property
    def id(self) -> str:
        """Name and variant: `newsletter[naive]`."""
        return scenario_id(self.name, self.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRequest:
    """A request that `leakcheck django --all` found among a site's URLs and did not replay."""

    request: str
    """`GET /logout/`."""
    reason: str
    """Why it was skipped: `ends the session`, `takes an argument`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """A response status, and how many responses had it."""

    status: int
    """0 if it is no valid HTTP status."""
    count: int
    """Calls of the growth pass with this status."""
    leads_to: str | None = None
    """Target of the first redirect, the final one if redirects were followed; None if it was no redirect."""
    varies: bool = False
    """Whether later redirects had other targets."""

    @property
    def is_redirect(self) -> bool:
        """Whether it redirects, so that no page was measured."""
        return 300 <= self.status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Meter values at the end of each window, one column per meter, all of one length.

    The column of a meter that the platform does not have is empty.
    """

    calls: tuple[int, ...] = ()
    """Calls replayed until each reading."""
    python_bytes: tuple[int, ...] = ()
    native_bytes: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    rss_bytes: tuple[int, ...] = ()
    arena_bytes: tuple[int, ...] = ()
    """Memory that pymalloc holds in arenas, free blocks included."""
    free_bytes: tuple[int, ...] = ()
    """Memory that malloc holds and has not allocated."""
    mapped_bytes: tuple[int, ...] = ()
    """Virtual size: all mapped memory, resident or not."""
    page_bytes: tuple[int, ...] = ()
    """Step in which memory becomes resident; only where native memory is measured by its pages."""
    counts: Mapping[ResourceKind, tuple[int, ...]] = field(default_factory=dict)
    """A column for each kind of resource that is counted."""

    @property
    def heap_bytes(self) -> tuple[int, ...]:
        """Live bytes of Python's allocator and malloc together; empty if native bytes cannot be read."""
        return tuple(p + n for p, n in zip(self.python_bytes, self.native_bytes, strict=False))

    @property
    def columns(self) -> dict[str, tuple[int, ...]]:
        """Every column by its name: that of the field, or the kind of resource."""
        columns: dict[str, tuple[int, ...]] = {name: getattr(self, name) for name in _MEMORY_COLUMNS}
        return {**columns, **{kind.value: column for kind, column in self.counts.items()}}

    def __add__(self, later: "Readings") -> "Readings":
        counts = {
            kind: self.counts.get(kind, ()) + later.counts.get(kind, ()) for kind in {**self.counts, **later.counts}
        }
        return Readings(**{name: getattr(self, name) + getattr(later, name) for name in _MEMORY_COLUMNS}, counts=counts)


_MEMORY_COLUMNS = tuple(name for name in Readings.__dataclass_fields__ if name != "counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The worker's answer after some windows of calls."""

    readings: Readings
    calls: int
    """Calls replayed since the process started."""
    latencies_ns: tuple[int, ...]
    """Calls that were timed individually: every call, where timing costs next to nothing."""
    replay_seconds: float
    """Wall time spent in the user's calls."""
    settle_seconds: float
    """Wall time spent on collecting new garbage and reading meters, once per window."""
    set_aside_seconds: float
    """Wall time spent on full collections of the heap, in the first blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedContainer:
    """A growing container with a limit."""

    name: Name
    kind: Name
    limit: int
    length: int
    length_per_call: float
    bytes_per_entry: float
    """Bytes freed per entry when a copy of the process emptied the container."""

    @property
    def bytes_per_1000_calls(self) -> float:
        """The growth that this container accounts for while it fills."""
        return 1000 * self.length_per_call * self.bytes_per_entry

    @property
    def calls_until_full(self) -> float:
        """Further calls until it is full; infinite if it does not grow."""
        return math.inf if not self.length_per_call else (self.limit - self.length) / self.length_per_call


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedAnswer:
    """Result of a search for containers with a limit, over the calls that it replayed."""

    calls: int
    has_ended: bool = False
    """The growth has stopped and some container is full; nothing was weighed."""
    limited: tuple[BoundedContainer, ...] = ()
    """Containers with a limit that gained entries."""
    beside: tuple[BoundedContainer, ...] = ()
    """Containers without a limit (`limit` is 0) that gained an entry per call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakReading:
    """Result of the peak pass."""

    peak_bytes: int
    latencies_ns: tuple[int, ...]
    stacks: tuple[StackBytes, ...] = ()
    """The heaviest stacks at the high-water mark, in requested bytes."""
