"""The baseline: accepted figures, and how a run compares with them.

The file is committed and reviewed as a diff, so it only holds what is the same from run to run: the verdict, the growth
by an exact meter, and the peak; never resident pages or times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakcheck.model.document_text import Name, Word
from leakcheck.model.tolerance import ChangeVerdict
from leakcheck.model.verdict import Gate, Verdict

SCHEMA = "leakcheck.baseline/1"
"""Schema of the file. A new field keeps the number. A field that is removed or changes its meaning makes it 2,
and this comment must then say what 1 looked like."""

FILE_NAME = "leakcheck-baseline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineEntry:
    """The accepted figures of one scenario in one environment."""

    verdict: Verdict
    target: Name = ""
    """`scenarios/shop.py::cart`, relative to the baseline's folder, or `package.module:callable`."""
    growth_bytes_per_1000_calls: int | None = None
    """0 if memory does not grow or has a limit; None if no exact meter measured it."""
    peak_bytes: int | None = None
    reason: str = ""
    """Why it was accepted."""
    note: str = ""
    """Which figure is missing, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """All entries: by environment (`cpython-3.11-linux-x86_64-pymalloc`), then by scenario id."""

    schema: str
    environments: Mapping[Name, Mapping[Name, BaselineEntry]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineChange:
    """One metric compared with the baseline. The gate is OVER if it is worse by more than the tolerance."""

    metric: Word
    """growth (bytes per 1000 calls) or peak (bytes)."""
    before: float
    after: float
    low: float
    high: float
    """Bounds of `after`; both equal `after` for a peak, which is exact."""
    gate: Gate
    better: bool = False
    """Better by more than the tolerance: the baseline can be tightened."""
    is_excused: bool = False
    """The accepted figure is over the budget, so the budget does not apply."""
    tolerance: str = ""
    """The tolerance (`+5 % and +16 KiB`)."""
    most: float | None = None
    """The largest figure within the tolerance."""
    verdict: ChangeVerdict | None = None
    """The verdict that gate and `better` follow from; None in older documents."""
    reason: str = ""
    """Why `before` was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineStep:
    """Effect of an update on one scenario: added, changed, unchanged or removed."""

    scenario: Name
    before: BaselineEntry | None
    after: BaselineEntry | None
