"""The result of one scenario in one run: growth, latency, verdict, explanation.

All classes of the model are frozen dataclasses of the standard library, because the measured process has nothing else.
They are stored and sent as JSON only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leakcheck.model.answers import BoundedContainer, Readings, StatusCount
from leakcheck.model.baseline import BaselineChange
from leakcheck.model.child_processes import Children
from leakcheck.model.document_text import Fingerprint, Name, Word
from leakcheck.model.explanation import Explanation, KnownLeak, PeakSite, ResidentPart, Resource
from leakcheck.model.failure import Failure
from leakcheck.model.memory_limit import Forecast, LimitResult
from leakcheck.model.protocol import OptionValue, scenario_id
from leakcheck.model.stacks import StackTree
from leakcheck.model.tolerance import Figure
from leakcheck.model.units import parse_growth
from leakcheck.model.verdict import Gate, Verdict


class Meter(StrEnum):
    """The meter that decided the verdict."""

    HEAP = "heap"
    RSS = "rss"
    BLOCKS = "blocks"
    CHILDREN = "children"
    """Pages of the child processes; they grew more than the scenario's own process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine of a cluster that measured a result. Python, libc and packages are those of the run."""

    host: Name
    worker: Name
    """Address of the cluster's worker; one host may run several."""
    attempts: int = 1
    """How often the measurement was started: more than once if workers were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Growth of live bytes per 1000 calls, with its 95 % confidence interval."""

    bytes_per_1000_calls: float
    low: float
    high: float
    meter: Meter
    heap_bytes_per_1000_calls: float | None
    rss_bytes_per_1000_calls: float | None
    blocks_per_1000_calls: float
    calls: int
    """All calls replayed; the estimate is based on the later ones."""
    from_call: int | None = None
    """The first call of the estimate; None if nothing was estimated, and in older documents."""
    from_lengths: bool = False
    """Derived from lengths of containers: their tables had spare capacity, so no meter moved for most calls."""

    @property
    def figure(self) -> Figure:
        """The bytes per 1000 calls with their bounds."""
        return Figure(value=self.bytes_per_1000_calls, low=self.low, high=self.high)

    # if the bounds lie on both sides of the budget, every comparison is false

    def __le__(self, budget: "float | str") -> bool:
        """Whether the upper bound is at most a budget ("64 KiB / 1000 calls", or bytes per 1000 calls)."""
        return self.high <= _rate(budget)

    def __lt__(self, budget: "float | str") -> bool:
        """Whether the upper bound is below the budget."""
        return self.high < _rate(budget)

    def __ge__(self, budget: "float | str") -> bool:
        """Whether the lower bound is at least the budget."""
        return self.low >= _rate(budget)

    def __gt__(self, budget: "float | str") -> bool:
        """Whether the lower bound is above the budget."""
        return self.low > _rate(budget)

    def __float__(self) -> float:
        """Return the bytes per 1000 calls, without the bounds."""
        return float(self.bytes_per_1000_calls)


def _rate(budget: float | str) -> float:
    return parse_growth(budget) if isinstance(budget, str) else float(budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Duration of one call in seconds. The p95 is None below 100 samples: it would be a guess."""

    p50: float
    p95: float | None
    samples: int
    p50_low: float | None = None
    p50_high: float | None = None
    """95 % bounds of the median; minimum and maximum below six samples."""
    p95_low: float | None = None
    p95_high: float | None = None
    spread: tuple[float, ...] = ()
    """Minimum, the nine deciles, maximum; below eleven samples all of them, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The growth and the peak allowed for a scenario; there is no limit for the peak if it is None."""

    growth_bytes_per_1000_calls: float
    peak_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A known cause of growth that a result shows."""

    trap: str
    """The known cause."""
    remedy: str
    """What to do about it."""
    evidence: str
    """What in the result points to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """A database as Django was configured in the measured process."""

    alias: str
    vendor: str
    """`sqlite`, `postgresql`, `mysql` (MariaDB too) …"""
    server_side_cursors: bool
    """False if DISABLE_SERVER_SIDE_CURSORS is set, or the database has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoFacts:
    """The Django that the measured process runs, and how it is configured."""

    version: str
    debug: bool
    databases: tuple[DatabaseFacts, ...] = ()
    fast_passwords: bool = False
    """Whether a fast password hasher was used, as in tests, in the place of the project's."""

    @property
    def vendors(self) -> frozenset[str]:
        """The vendors of its databases."""
        return frozenset(database.vendor for database in self.databases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything measured and concluded about one scenario and variant in one run."""

    scenario: Name
    variant: Name | None
    target: Name
    verdict: Verdict
    gate: Gate
    over_budget: tuple[Word, ...]
    """Names of the exceeded budgets: growth, peak, or the kind of a resource."""
    budget: Budget
    growth: Growth | None = None
    peak_bytes: int | None = None
    latency_seconds: Latency | None = None
    bounded_by: BoundedContainer | None = None
    settled_after_calls: int | None = None
    """The call after which growth stopped; None if memory never grew."""
    stopped_by: Word | None = None
    """The limit that ended the growth pass before the verdict was certain: calls or time; else None."""
    calls_needed: int | None = None
    """About how many calls a verdict needs, if the replayed ones gave none."""
    failure: Failure | None = None
    peak_failure: Failure | None = None
    explanation: Explanation = field(default_factory=Explanation)
    """Why it grows; empty where nothing was to be explained."""
    peak_sites: tuple[PeakSite, ...] = ()
    """The lines that held the most at the high-water mark of one call."""
    peak_stacks: StackTree = field(default_factory=StackTree)
    """Everything held at that moment, by stack; the total is the peak."""
    fingerprint: Fingerprint = ""
    """Names this growth in the list of known leaks; derived from what holds it, or else allocates it."""
    resident: tuple[ResidentPart, ...] = ()
    """Parts of the growth of resident pages, largest first; empty if the heap accounts for the growth."""
    pinned_by_bytes_per_1000_calls: float | None = None
    """Growth of the heap, if it keeps far more freed memory from being reused; shares then refer to this growth."""
    known_leaks: tuple[KnownLeak, ...] = ()
    """Accepted leaks that are part of this growth."""
    child_processes: Children | None = None
    """Growth of the child processes that outlive a call; None if there are none."""
    resources: tuple[Resource, ...] = ()
    """Other things that increase with the calls: open files, threads and the like."""
    advice: tuple[Advice, ...] = ()
    """Known causes that this result shows, with remedies."""
    django: DjangoFacts | None = None
    """The Django of the measured process; None if it runs none."""
    response_statuses: tuple[StatusCount, ...] = ()
    """Response statuses, the most frequent first; empty if the scenario makes no requests."""
    baseline_changes: tuple[BaselineChange, ...] = ()
    """Each metric for which the baseline has a figure."""
    memory_limit: LimitResult | None = None
    """Result of the limit pass."""
    forecast: Forecast | None = None
    """When a leak exhausts the given memory."""
    is_new: bool = False
    """There was a baseline, and it did not contain this scenario."""
    measured_on: Host | None = None
    """The machine of a cluster that measured it; None for a local measurement."""
    description: str = ""
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    readings: Readings = field(default_factory=Readings)
    capture: Name | None = None
    """Path of memray's capture of the peak, relative to the run's folder."""
    duration_seconds: float = 0.0
    start_seconds: float = 0.0
    """Wall time of the growth pass before the first call: process start, imports, setup."""
    replay_seconds: float = 0.0
    """Wall time of the growth pass spent in the user's code."""
    watch_seconds: float = 0.0
    """Wall time of the growth pass spent by leakcheck: collecting garbage and reading meters."""
    worker_cpu_seconds: float | None = None
    """CPU time of the whole process of the growth pass, including its start."""

    @property
    def id(self) -> str:
        """Scenario and variant: `newsletter[naive]`."""
        return scenario_id(self.scenario, self.variant)
