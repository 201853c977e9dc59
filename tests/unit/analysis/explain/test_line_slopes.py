"""The slope of a line with several stacks, under a sawtooth."""

import pytest

from leakcheck.analysis.explain.line_slopes import grown_lines
from tests.unit.analysis.explain.test_allocation_sites import own, stack, windows


@pytest.mark.parametrize(
    ("early", "late", "rate"),
    [
        (-10, 50, 120.0),  # together 90 and 150 bytes per call: they rise
        (-20, 100, 100.0),  # 80 and 200: the line follows the sawtooth, and its steady stack counts
    ],
)
def test_under_a_sawtooth_a_line_whose_slopes_differ_by_half_has_that_of_its_steady_stacks(
    early: int, late: int, rate: float
) -> None:
    # GIVEN a stack that keeps 100 bytes per call, and another of the same line that loses and gains
    held = {100: 10_000.0, 200: 10_000.0 + 100 * early, 300: 10_000.0 + 100 * (early + late)}
    traced = windows(
        *((n, [stack(own(1), size=100.0 * n), stack(own(1), own(2), size=held[n], blocks=9)]) for n in held)
    )
    [line] = grown_lines(traced, under_teeth=True).values()
    assert line.bytes.rate == pytest.approx(rate)
