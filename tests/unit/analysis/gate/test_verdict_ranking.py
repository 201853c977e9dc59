"""The order of results."""

from dataclasses import replace

from leakcheck.analysis.gate.verdict import sort_results
from tests.unit.runs import BOUNDED, CLEAN, LEAK, MIB, NAIVE, UNSURE, growth


def test_failed_results_come_first_then_growing_ones_then_high_peaks() -> None:
    failed = replace(UNSURE, growth=None)
    slower = replace(LEAK, variant="slower", growth=growth(MIB))

    order = sort_results([CLEAN, NAIVE, slower, BOUNDED, UNSURE, LEAK, failed])

    assert order == (failed, LEAK, slower, UNSURE, BOUNDED, NAIVE, CLEAN)


def test_a_growth_within_its_own_uncertainty_does_not_decide_the_order() -> None:
    """GIVEN plateaus THEN the peak decides, and equal results keep their order."""
    noisy = replace(CLEAN, variant="noisy", growth=growth(90, 96), peak_bytes=1)
    first, second = replace(CLEAN, variant="first"), replace(CLEAN, variant="second")

    assert sort_results([noisy, first, NAIVE, second]) == (NAIVE, first, second, noisy)
