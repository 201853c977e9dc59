"""The growth of a result as it is compared with another one's."""

from leakcheck.model.result import Meter
from leakcheck.model.tolerance import Figure
from leakcheck.model.verdict import Verdict


def comparable_growth(verdict: Verdict, growth: Figure) -> Figure | None:
    """Return the growth per 1000 calls that a verdict stands for: 0 for clean and bounded, None for inconclusive."""
    if verdict is Verdict.INCONCLUSIVE:
        return None  # the figure of a rise that is not clear yet does not predict the next 1000 calls
    return growth if verdict is Verdict.LEAK else Figure.exact(0.0)


def exact_growth(verdict: Verdict, growth: Figure, meter: str | None) -> Figure | None:
    """Return the same, but None for a leak that no exact meter measured: pages differ from machine to machine."""
    return None if verdict is Verdict.LEAK and meter != Meter.HEAP else comparable_growth(verdict, growth)
