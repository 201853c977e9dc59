"""What a team has accepted, and how a run compares with it.

The file is committed and read in a diff, so it holds what is the same from one run to the next: the
verdict, the growth that the exact meter saw, and the peak. Never resident pages, and never a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakcheck.model.document_text import Name, Word
from leakcheck.model.units import format_change
from leakcheck.model.verdict import Gate, Verdict

SCHEMA = "leakcheck.baseline/1"
"""The file's schema. A field may be added under the same number; one that is taken away or changes
its meaning makes 2, and this comment then says what 1 looked like."""

FILE_NAME = "leakcheck-baseline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineEntry:
    """What is accepted of one scenario in one environment."""

    verdict: Verdict
    target: Name = ""
    """Where it is: `scenarios/shop.py::cart`, from the baseline's folder, or `package.module:callable`."""
    growth_bytes_per_1000_calls: int | None = None
    """0 for what stands still or has a limit; None where no exact meter told it."""
    peak_bytes: int | None = None
    reason: str = ""
    note: str = ""
    """What is not kept here, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The accepted figures: by environment (`cpython-3.11-linux-x86_64-pymalloc`), then by the scenario's id."""

    schema: str
    environments: Mapping[Name, Mapping[Name, BaselineEntry]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The change that counts for nothing: a figure is worse, or better, by more than both parts of it."""

    share: float
    bytes: float
    """For a growth, per 1000 calls."""

    def most(self, before: float) -> float:
        """Return the largest figure that is not worse."""
        return max(before * (1 + self.share), before + self.bytes)

    def least(self, before: float) -> float:
        """Return the smallest figure that is not better."""
        return min(before * (1 - self.share), before - self.bytes)

    def __str__(self) -> str:
        return format_change(self.share, self.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineChange:
    """One metric beside what the baseline accepts. OVER is worse by more than is allowed."""

    metric: Word
    """growth (bytes per 1000 calls) or peak (bytes)."""
    before: float
    after: float
    low: float
    high: float
    """The bounds of `after`; both are `after` for a peak, which is exact."""
    gate: Gate
    better: bool = False
    """Better by more than the change that is allowed: the baseline can be tightened."""
    excused: bool = False
    """What was accepted is over the budget, so that the budget does not count."""
    allowed: str = ""
    """The change that was allowed (`+5 % and +16 KiB`)."""
    most: float | None = None
    """The largest figure that would not have been worse."""
    reason: str = ""
    """Why `before` was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineStep:
    """What an update makes of one scenario: accepted anew, changed, kept, or removed."""

    scenario: Name
    before: BaselineEntry | None
    after: BaselineEntry | None
