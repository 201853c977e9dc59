"""A comparison of two sides: what was measured before, what after, and how much it changed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from leakcheck.model.document_text import Commit, Name
from leakcheck.model.errors import ExitCode
from leakcheck.model.tolerance import ChangeVerdict, Figure, Tolerance

COMPARISON_SCHEMA = "leakcheck.compare/2"
"""Schema of compare.json, which leakcheck only writes. Version 1 called the scenarios `contrasts`, and the verdict of a
row `answer`: better, worse, `~` or `not measured`, by a rule other than the tolerance."""


class Unit(StrEnum):
    """The unit of a metric."""

    BYTES = "bytes"
    SECONDS = "seconds"
    SHARE = "share"
    COUNT = "count"


class Metric(StrEnum):
    """Rows of a before/after table, in their order."""

    unit: Unit

    ERROR_RATE = "error rate", Unit.SHARE
    P50 = "latency p50", Unit.SECONDS
    P95 = "latency p95", Unit.SECONDS
    PEAK = "peak memory", Unit.BYTES
    GROWTH = "growth / 1000 calls", Unit.BYTES
    CRASHES = "crashes", Unit.COUNT

    def __new__(cls, name: str, unit: Unit) -> Self:
        """Return the metric, whose value is its name alone."""
        metric = str.__new__(cls, name)
        metric._value_, metric.unit = name, unit
        return metric


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """One metric on both sides."""

    metric: Metric
    before: Figure | None
    after: Figure | None
    change: Figure | None
    """After minus before, in the metric's unit; for latencies the ratio after / before."""
    verdict: ChangeVerdict | None
    """None where there is nothing to compare."""
    tolerance: Tolerance
    """A latency has a share alone; of an error rate and a number of crashes every change counts."""
    note: str = ""
    """Why there is no verdict."""

    @property
    def unit(self) -> Unit:
        """The unit of the figures."""
        return self.metric.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioComparison:
    """One scenario on both sides."""

    scenario: Name
    before: Name
    """The id of its results on that side; likewise `after`."""
    after: Name
    rows: tuple[MetricComparison, ...]
    rounds: int
    """How often both sides were measured, in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison, and where it was measured."""

    label: Name
    commit: Commit | None = None
    python: str | None = None
    documents: tuple[str, ...] = ()
    """Run documents with its measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The document that `leakcheck compare` writes."""

    schema: str
    before: Side
    after: Side
    scenarios: tuple[ScenarioComparison, ...]
    notes: tuple[str, ...] = ()
    """Sentences on what is on one side only, or cannot be compared."""
    failures: tuple[str, ...] = ()
    """Sentences on what failed on the side after, so that nothing vouches for it."""

    @property
    def exit_code(self) -> ExitCode:
        """The exit code for CI, by growth and peak; latencies differ from run to run. A change may be uncertain."""
        if self.failures:
            return ExitCode.SCENARIO_FAILED
        rows = [row for scenario in self.scenarios for row in scenario.rows]
        is_worse = any(row.verdict is ChangeVerdict.WORSE for row in rows if row.metric in (Metric.GROWTH, Metric.PEAK))
        return ExitCode.OVER_BUDGET if is_worse else ExitCode.WITHIN
