"""Two arms beside each other: what was measured before, what after, and what can be said of the change."""

from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.document_text import Commit, Name

CONTRAST_SCHEMA = "leakcheck.compare/1"


class Metric(StrEnum):
    """The rows of a before/after table, in its order."""

    ERROR_RATE = "error rate"
    P50 = "latency p50"
    P95 = "latency p95"
    PEAK = "peak memory"
    GROWTH = "growth / 1000 calls"
    CRASHES = "crashes"


class Unit(StrEnum):
    """What a metric is counted in."""

    BYTES = "bytes"
    SECONDS = "seconds"
    SHARE = "share"
    COUNT = "count"


UNITS = {
    Metric.ERROR_RATE: Unit.SHARE,
    Metric.P50: Unit.SECONDS,
    Metric.P95: Unit.SECONDS,
    Metric.PEAK: Unit.BYTES,
    Metric.GROWTH: Unit.BYTES,
    Metric.CRASHES: Unit.COUNT,
}


class ChangeVerdict(StrEnum):
    """What can be said of a change. All these metrics are better when they are less."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "~"
    """No difference can be told from chance, or it is too small to matter."""
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value with the bounds between which the truth lies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """One metric in both arms."""

    metric: Metric
    before: Figure | None
    after: Figure | None
    change: Figure | None
    """After minus before, in the metric's unit; of latencies the ratio after / before, for those are timings."""
    answer: ChangeVerdict
    note: str = ""
    """Why nothing can be said."""

    @property
    def unit(self) -> Unit:
        """Return what the figures are counted in."""
        return UNITS[self.metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioComparison:
    """One scenario in both arms."""

    scenario: Name
    before: Name
    """The arm's own name for it: a result's id."""
    after: Name
    rows: tuple[MetricComparison, ...]
    rounds: int
    """How often both arms were measured, in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: what it is, and where it was measured."""

    label: Name
    commit: Commit | None = None
    python: str | None = None
    documents: tuple[str, ...] = ()
    """The run documents that its figures come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The document of a comparison."""

    schema: str
    before: Side
    after: Side
    contrasts: tuple[ScenarioComparison, ...]
    notes: tuple[str, ...] = ()
    """What is in one arm alone, or cannot be compared."""
