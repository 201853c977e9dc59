"""What a team has accepted, and how a run compares with it."""

from dataclasses import dataclass

from leakcheck.verdicts import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric beside what the baseline accepts. OVER is worse by more than is allowed."""

    metric: str
    """growth (bytes per 1000 calls) or peak (bytes)."""
    before: float
    after: float
    low: float
    high: float
    """The bounds of `after`; both are `after` for a peak, which is exact."""
    gate: Gate
    better: bool = False
    """Better by more than the change that is allowed: the baseline can be tightened."""
