"""The one rule by which a change counts: the tolerance at its limits, and figures with bounds on either side."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.model.tolerance import NOISE, ChangeVerdict, Figure, Tolerance
from tests.unit.runs import KIB, MIB, TOLERANCE

WORSE, INCONCLUSIVE, SAME, NOT_WORSE, BETTER = ChangeVerdict
sizes = st.floats(0, 1e12)
figures = st.lists(sizes, min_size=3, max_size=3).map(lambda three: figure(*sorted(three)))
tolerances = st.builds(Tolerance, share=st.floats(0, 3), bytes=st.floats(0, 1e9))


def figure(low: float, value: float, high: float) -> Figure:
    return Figure(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("before", "worse", "better"),
    [
        (100 * MIB, 105 * MIB, 95 * MIB),  # the share decides: 5 % are more than 16 KiB
        (100 * KIB, 116 * KIB, 84 * KIB),  # the size decides
        (320 * KIB, 336 * KIB, 304 * KIB),  # both are the same
        (0, 16 * KIB, -16 * KIB),
    ],
)
def test_a_change_counts_from_the_first_byte_beyond_both_parts(before: int, worse: int, better: int) -> None:
    verdicts = {
        after: TOLERANCE.compare(Figure.exact(before), Figure.exact(after))
        for after in (better - 1, better, better + 1, worse - 1, worse, worse + 1)
    }
    assert list(verdicts.values()) == [BETTER, SAME, SAME, SAME, SAME, WORSE]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((100, 100), (116, 116.1), INCONCLUSIVE),
        ((100, 100), (116.1, 200), WORSE),
        ((100, 100), (90, 116), SAME),
        ((100, 100), (83.9, 84), NOT_WORSE),
        ((100, 100), (0, 83.9), BETTER),
        ((100, 100), (0, 200), INCONCLUSIVE),
        ((90, 100), (106.1, 116), INCONCLUSIVE),  # worse than 90, and not than 100
        ((90, 100), (116.1, 116.1), WORSE),
        ((90, 100), (84, 106), SAME),
        ((90, 100), (80, 90), NOT_WORSE),  # better than 100, and not than 90
        ((90, 100), (60, 73.9), BETTER),
    ],
)
def test_bounds_on_either_side_decide(
    before: tuple[float, float], after: tuple[float, float], verdict: ChangeVerdict
) -> None:
    old, new = (figure(low * KIB, (low + high) / 2 * KIB, high * KIB) for low, high in (before, after))
    assert TOLERANCE.compare(old, new) is verdict


@given(before=figures, after=figures, tolerance=tolerances, share=st.floats(0, 1), other=st.floats(0, 1))
def test_a_verdict_is_true_of_every_pair_of_values_between_the_bounds(
    before: Figure, after: Figure, tolerance: Tolerance, share: float, other: float
) -> None:
    verdict = tolerance.compare(before, after)
    inside = [
        tolerance.compare(Figure.exact(old), Figure.exact(new))
        for old, new in product(_values(before, share), _values(after, other))
    ]
    allowed = {
        WORSE: {WORSE},
        INCONCLUSIVE: {WORSE, SAME, BETTER},
        SAME: {SAME},
        NOT_WORSE: {SAME, BETTER},
        BETTER: {BETTER},
    }
    assert set(inside) <= allowed[verdict]
    # AND what is not certain is so because the bounds differ
    ends = {INCONCLUSIVE: WORSE, NOT_WORSE: BETTER}
    assert verdict not in ends or (ends[verdict] in inside and len(set(inside)) > 1)


def _values(figure: Figure, share: float) -> list[float]:
    return [figure.low, figure.value, min(figure.high, figure.low + share * (figure.high - figure.low)), figure.high]


@given(before=sizes, tolerance=tolerances)
def test_an_unchanged_figure_is_the_same(before: float, tolerance: Tolerance) -> None:
    assert tolerance.compare(Figure.exact(before), Figure.exact(before)) is SAME
    assert not tolerance.is_exceeded(before, before)


@given(before=sizes, after=sizes, tolerance=tolerances)
def test_exact_figures_leave_nothing_uncertain(before: float, after: float, tolerance: Tolerance) -> None:
    is_worse = after > before + tolerance.share * before and after > before + tolerance.bytes
    verdict = tolerance.compare(Figure.exact(before), Figure.exact(after))
    assert verdict in (WORSE, SAME, BETTER)
    assert (verdict is WORSE) == is_worse
    assert tolerance.is_exceeded(before, after) == (verdict is not SAME)


def test_noise_is_half_a_percent_and_a_kibibyte() -> None:
    assert [NOISE.is_exceeded(100 * MIB, 100 * MIB + change) for change in (512 * KIB, 530 * KIB)] == [False, True]
    assert [NOISE.is_exceeded(0, change) for change in (1024, 1025)] == [False, True]


def test_a_tolerance_without_a_size_is_printed_as_its_share() -> None:
    assert str(TOLERANCE) == "+5 % and +16 KiB"
    assert str(Tolerance(share=0.05, bytes=0)) == "+5 %"
