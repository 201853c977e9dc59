"""What is looked at first."""

from dataclasses import replace

from leakcheck.analysis.gate.verdict import ranked
from tests.unit.runs import BOUNDED, CLEAN, LEAK, MIB, NAIVE, UNSURE, growth


def test_what_failed_comes_first_then_what_grows_then_what_peaks() -> None:
    failed = replace(UNSURE, growth=None)
    slower = replace(LEAK, variant="slower", growth=growth(MIB))

    found = ranked([CLEAN, NAIVE, slower, BOUNDED, UNSURE, LEAK, failed])

    assert found == (failed, LEAK, slower, UNSURE, BOUNDED, NAIVE, CLEAN)


def test_a_growth_below_its_own_doubt_decides_nothing() -> None:
    """GIVEN two that stand still THEN the peak decides, and what is alike keeps its order."""
    noisy = replace(CLEAN, variant="noisy", growth=growth(90, 96), peak_bytes=1)
    first, second = replace(CLEAN, variant="first"), replace(CLEAN, variant="second")

    assert ranked([noisy, first, NAIVE, second]) == (NAIVE, first, second, noisy)
