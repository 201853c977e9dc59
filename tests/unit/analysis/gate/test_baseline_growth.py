"""The growth that a result is compared by: what its verdict stands for."""

import pytest

from leakcheck.analysis.gate.baseline import comparable_growth, exact_growth
from leakcheck.model.result import Meter
from leakcheck.model.tolerance import Figure
from leakcheck.model.verdict import Verdict

NOTHING, GROWTH = Figure.exact(0.0), Figure(value=1000.0, low=900.0, high=1100.0)


@pytest.mark.parametrize(
    ("verdict", "figure"),
    [
        (Verdict.CLEAN, NOTHING),
        (Verdict.BOUNDED, NOTHING),
        (Verdict.LEAK, GROWTH),
        (Verdict.INCONCLUSIVE, None),
    ],
)
def test_the_verdict_decides_which_growth_is_compared(verdict: Verdict, figure: Figure | None) -> None:
    assert comparable_growth(verdict, GROWTH) == figure
    assert exact_growth(verdict, GROWTH, Meter.HEAP) == figure


@pytest.mark.parametrize("meter", [Meter.RSS, Meter.BLOCKS, Meter.CHILDREN, None])
def test_a_leak_that_no_exact_meter_measured_has_no_exact_growth(meter: Meter | None) -> None:
    assert exact_growth(Verdict.LEAK, GROWTH, meter) is None
    assert exact_growth(Verdict.CLEAN, GROWTH, meter) == NOTHING
