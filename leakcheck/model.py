"""The facts: what is planned, what was read, what was concluded. Frozen, with units in the names.

The classes are plain dataclasses because the measured process builds some of them and has the
standard library alone. Everything here travels as JSON and nothing else.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leakcheck.explanation import (
    Container,
    KnownEntry,
    KnownLeak,
    PeakSite,
    Resource,
    RetentionPath,
    Site,
    SiteMeter,
    StackBytes,
)
from leakcheck.scenario import OptionValue, scenario_id
from leakcheck.verdicts import Gate as Gate
from leakcheck.verdicts import Verdict as Verdict

SCHEMA = "leakcheck.run/1"
"""The run document's schema. A field may be added under the same number; one that is taken away
or changes its meaning makes 2, and this comment then says what 1 looked like."""


class Meter(StrEnum):
    """The meter that decided a verdict."""

    HEAP = "heap"
    RSS = "rss"
    BLOCKS = "blocks"


# --- what a measured process answers --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A scenario as found in the user's file, one for each variant."""

    target: str
    name: str
    variant: str | None = None
    lesson: str = ""
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    option_names: tuple[str, ...] | None = None
    """The options that the scenario takes; None where it takes any."""
    timeout_seconds: float | None = None

    @property
    def id(self) -> str:
        """The one spelling: `newsletter[naive]`."""
        return scenario_id(self.name, self.variant)


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
class Limited:
    """A growing container with a limit, and what it was found to hold."""

    name: str
    kind: str
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
class PeakReading:
    """What the peak pass answers."""

    peak_bytes: int
    latencies_ns: tuple[int, ...]
    stacks: tuple[StackBytes, ...] = ()
    """What held the most when the most was held, in bytes as they were requested; the heaviest forty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """How the user's code failed: what happened, where, and what to do about it."""

    kind: str
    """nothing, import, usage, setup, raised, exited, died, hung, memory, missing, disk, teardown."""
    message: str
    call: int | None = None
    """The number of the call that failed; None where it was no call."""
    details: str = ""
    """The end of the traceback, or of what the process wrote."""


# --- what was concluded ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Live bytes gained per 1000 calls, with the bounds between which the truth lies (95 %)."""

    bytes_per_1000_calls: float
    low: float
    high: float
    meter: Meter
    heap_bytes_per_1000_calls: float | None
    rss_bytes_per_1000_calls: float | None
    blocks_per_1000_calls: float
    calls: int
    """Calls replayed in all; the estimate rests on the later ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long one call takes. A p95 is None below 100 samples: it would be a guess."""

    p50: float
    p95: float | None
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The growth and the peak that a scenario may have; a peak of None is not held to any."""

    growth_bytes_per_1000_calls: float
    peak_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything about one scenario and variant in one run."""

    scenario: str
    variant: str | None
    target: str
    verdict: Verdict
    gate: Gate
    failures: tuple[str, ...]
    """The budgets that are broken, by name: growth, peak, or the kind of a resource."""
    budget: Budget
    growth: Growth | None = None
    peak_bytes: int | None = None
    latency_seconds: Latency | None = None
    bounded_by: Limited | None = None
    settled_after_calls: int | None = None
    """The call after which a memory that had grown stood still; None where it never grew."""
    stopped_by: str | None = None
    """What ended the growth pass before the verdict was sure: calls, time; else None."""
    trouble: Trouble | None = None
    peak_trouble: Trouble | None = None
    containers: tuple[Container, ...] = ()
    retention_paths: tuple[RetentionPath, ...] = ()
    sites: tuple[Site, ...] = ()
    sites_meter: SiteMeter | None = None
    explained_fraction: float | None = None
    """The sites' growth together, as a share of the measured growth; None where none was looked for."""
    explain_notes: tuple[str, ...] = ()
    """What could not be explained, and why."""
    peak_sites: tuple[PeakSite, ...] = ()
    """The lines that held the most when one call held the most."""
    known: tuple[KnownLeak, ...] = ()
    """The accepted leaks that this growth consists of."""
    resources: tuple[Resource, ...] = ()
    """What else rises with the calls: open files, threads and the like; none where all stand still."""
    lesson: str = ""
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    readings: Readings = field(default_factory=Readings)
    capture: str | None = None
    """memray's capture of the peak, relative to the run's folder."""
    duration_seconds: float = 0.0
    replay_seconds: float = 0.0
    """Wall time of the growth pass that was the user's code."""
    watch_seconds: float = 0.0
    """Wall time of the growth pass that was ours: collecting garbage and reading meters."""
    worker_cpu_seconds: float | None = None
    """CPU time of the growth pass's whole process, its start included."""

    @property
    def id(self) -> str:
        """The one spelling: `newsletter[naive]`."""
        return scenario_id(self.scenario, self.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was measured. Runs of different environments cannot be compared."""

    python: str
    implementation: str
    executable: str
    platform: str
    allocator: str
    libc: str
    packages: Mapping[str, str]
    leakcheck: str
    git_commit: str | None = None
    git_dirty: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run document: the file that every reporter reads and every later run is compared with."""

    schema: str
    started: str
    """Local time with its offset, ISO 8601."""
    command: tuple[str, ...]
    environment: Environment | None
    results: tuple[Result, ...] = ()
    known_unseen: tuple[KnownEntry, ...] = ()
    """The entries of the list of known leaks that were looked for and did not occur."""
    finished: bool = False
    """False in a document that an interrupt or a crash left behind."""
    duration_seconds: float = 0.0
