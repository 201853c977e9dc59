"""The facts: what is planned, what was read, what was concluded. Frozen, with units in the names.

The classes are plain dataclasses because the measured process builds some of them and has the
standard library alone. Everything here travels as JSON and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leakcheck.model.advice import Advice, DjangoFacts
from leakcheck.model.answers import (
    BoundedContainer,
    Failure,
    Readings,
    StatusCount,
)
from leakcheck.model.baseline import BaselineChange
from leakcheck.model.child_processes import Children
from leakcheck.model.document_text import Fingerprint, Name, Word
from leakcheck.model.explanation import (
    AllocationSite,
    GrowingContainer,
    KnownLeak,
    PeakSite,
    ResidentPart,
    Resource,
    RetentionPath,
    TracerName,
)
from leakcheck.model.memory_limit import Forecast, LimitResult
from leakcheck.model.protocol import OptionValue, scenario_id
from leakcheck.model.stacks import StackTree
from leakcheck.model.units import parse_growth
from leakcheck.model.verdict import Gate, Verdict


class Meter(StrEnum):
    """The meter that decided a verdict."""

    HEAP = "heap"
    RSS = "rss"
    BLOCKS = "blocks"
    CHILDREN = "children"
    """The pages of the child processes that live on; the scenario's own process kept less, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine of a cluster that measured a result. Its Python, libc and packages are those of the run."""

    host: Name
    worker: Name
    """The address of the cluster's worker: one host may have several."""
    begun: int = 1
    """How often the measurement was begun: more than once where workers were lost in the middle."""


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
    from_call: int | None = None
    """The first of those; None where nothing was estimated, and in documents that are older than this field."""
    from_lengths: bool = False
    """Told by the lengths of containers: their tables had room, so no meter moved for most of the calls."""

    # Where the bounds lie on both sides of a budget, neither comparison holds: then nothing is known.

    def __le__(self, budget: "float | str") -> bool:
        """Tell whether it is certainly no more than a budget ("64 KiB / 1000 calls", or bytes per 1000 calls)."""
        return self.high <= _rate(budget)

    def __lt__(self, budget: "float | str") -> bool:
        """Tell whether it is certainly less."""
        return self.high < _rate(budget)

    def __ge__(self, budget: "float | str") -> bool:
        """Tell whether it is certainly no less."""
        return self.low >= _rate(budget)

    def __gt__(self, budget: "float | str") -> bool:
        """Tell whether it is certainly more."""
        return self.low > _rate(budget)

    def __float__(self) -> float:
        """Return the bytes per 1000 calls, without their bounds."""
        return float(self.bytes_per_1000_calls)


def _rate(budget: float | str) -> float:
    return parse_growth(budget) if isinstance(budget, str) else float(budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long one call takes. A p95 is None below 100 samples: it would be a guess."""

    p50: float
    p95: float | None
    samples: int
    p50_low: float | None = None
    p50_high: float | None = None
    """The bounds of the median (95 %); of fewer than six samples the least and the most."""
    p95_low: float | None = None
    p95_high: float | None = None
    spread: tuple[float, ...] = ()
    """The fastest call, the nine deciles and the slowest call; of fewer than eleven samples, each of them, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The growth and the peak that a scenario may have; a peak of None is not held to any."""

    growth_bytes_per_1000_calls: float
    peak_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything about one scenario and variant in one run."""

    scenario: Name
    variant: Name | None
    target: Name
    verdict: Verdict
    gate: Gate
    failures: tuple[Word, ...]
    """The budgets that are broken, by name: growth, peak, or the kind of a resource."""
    budget: Budget
    growth: Growth | None = None
    peak_bytes: int | None = None
    latency_seconds: Latency | None = None
    bounded_by: BoundedContainer | None = None
    settled_after_calls: int | None = None
    """The call after which a memory that had grown stood still; None where it never grew."""
    stopped_by: Word | None = None
    """What ended the growth pass before the verdict was sure: calls, time; else None."""
    calls_needed: int | None = None
    """About how many calls a verdict takes, where those that were replayed gave none."""
    trouble: Failure | None = None
    peak_trouble: Failure | None = None
    containers: tuple[GrowingContainer, ...] = ()
    retention_paths: tuple[RetentionPath, ...] = ()
    nothing_in_python: bool = False
    """The search for holders came to its end, the growth is native, and no Python object explains it."""
    sites: tuple[AllocationSite, ...] = ()
    sites_meter: TracerName | None = None
    explained_fraction: float | None = None
    """The sites' growth together, as a share of the measured growth; None where none was looked for."""
    explain_notes: tuple[str, ...] = ()
    """What could not be explained, and why."""
    peak_sites: tuple[PeakSite, ...] = ()
    """The lines that held the most when one call held the most."""
    peak_stacks: StackTree = field(default_factory=StackTree)
    """All that was held then, by stack: its total is the peak."""
    growth_stacks: StackTree = field(default_factory=StackTree)
    """The stacks that grow, in bytes per 1000 calls, as the sites' meter saw them."""
    fingerprint: Fingerprint = ""
    """What names this growth on the list of known leaks: of what holds it, or allocates it."""
    resident: tuple[ResidentPart, ...] = ()
    """What the resident pages grow by, the largest part first; none where the heap alone tells the growth."""
    pinned_by_bytes_per_1000_calls: float | None = None
    """The heap's growth, where it keeps far more of freed memory from being used again: all shares are of that."""
    known: tuple[KnownLeak, ...] = ()
    """The accepted leaks that this growth consists of."""
    children: Children | None = None
    """What the child processes did that outlived a call; None where none did."""
    resources: tuple[Resource, ...] = ()
    """What else rises with the calls: open files, threads and the like; none where all stand still."""
    advice: tuple[Advice, ...] = ()
    """Known traps that this result shows, with their remedies."""
    django: DjangoFacts | None = None
    """What the measured process's Django says of itself; None where there is none."""
    answered: tuple[StatusCount, ...] = ()
    """What its requests were answered with, the status that came most often first; none where it asks for nothing."""
    changes: tuple[BaselineChange, ...] = ()
    """Each metric that the baseline accepts a figure of."""
    limit: LimitResult | None = None
    """How it did when it was served under a memory limit."""
    forecast: Forecast | None = None
    """When memory ends, of a leak that was given a limit."""
    is_new: bool = False
    """There was a baseline, and this was not in it."""
    elsewhere: Host | None = None
    """Which machine of a cluster measured it; None where it was measured here."""
    lesson: str = ""
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    readings: Readings = field(default_factory=Readings)
    capture: Name | None = None
    """memray's capture of the peak, relative to the run's folder."""
    duration_seconds: float = 0.0
    start_seconds: float = 0.0
    """Wall time of the growth pass before the first call: start of a process, imports, and the setting up."""
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
