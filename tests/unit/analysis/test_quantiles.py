"""Quantiles for confidence intervals, compared with those of SciPy 1.17.1."""

import math

import pytest

from leakcheck.analysis.quantiles import poisson_mean, student

STUDENT_97_5 = (
    (1, 12.706204736174694),
    (2, 4.302652729749462),
    (3, 3.1824463052837078),
    (4, 2.7764451051977934),
    (5, 2.5705818356363146),
    (6, 2.4469118511449786),
    (7, 2.364624251592784),
    (10, 2.228138851986274),
    (39, 2.022690920036761),
    (100, 1.9839715185235518),
    (399, 1.965927295920882),
    (400, 1.9659123432294627),
    (401, 1.965897465336516),
    (1000, 1.9623390808264083),
    (4809, 1.9604574048479968),
    (10_000, 1.960201239890626),
    (100_000, 1.9599877075346095),
)
"""`scipy.special.stdtrit(freedom, 0.975)`: for numbers of floors, and of readings under a sawtooth."""

POISSON_MEANS = (
    (1, 0.025, 0.025317807984289876),
    (2, 0.025, 0.24220927854396496),
    (3, 0.025, 0.6186721228956014),
    (10, 0.025, 4.7953886961324335),
    (100, 0.025, 81.36399125092314),
    (1000, 0.025, 938.9730184076952),
    (1, 0.975, 3.6888794541139354),
    (2, 0.975, 5.571643390938898),
    (3, 0.975, 7.22468766772396),
    (11, 0.975, 18.39035604201778),
    (101, 0.975, 121.62679379242638),
    (1001, 0.975, 1063.952136016302),
)
"""`scipy.special.gammaincinv(count, chance)`."""


@pytest.mark.parametrize(("freedom", "t"), STUDENT_97_5)
def test_students_t_is_exact_to_twelve_digits(freedom: int, t: float) -> None:
    assert student(freedom, 0.975) == pytest.approx(t, rel=2e-13, abs=0)


@pytest.mark.parametrize(("freedom", "t"), [(1, math.tan(0.4 * math.pi)), (2, 0.8 / math.sqrt(2 * 0.9 * 0.1))])
def test_students_t_of_one_and_two_degrees_of_freedom_is_that_of_the_formula(freedom: int, t: float) -> None:
    assert student(freedom, 0.9) == pytest.approx(t, rel=1e-14)


def test_students_t_falls_with_the_degrees_of_freedom() -> None:
    quantiles = [student(freedom, 0.975) for freedom in range(1, 600)]
    assert quantiles == sorted(quantiles, reverse=True)


@pytest.mark.parametrize(("count", "chance", "mean"), POISSON_MEANS)
def test_the_mean_of_a_poisson_count_is_exact_to_twelve_digits(count: int, chance: float, mean: float) -> None:
    assert poisson_mean(count, chance) == pytest.approx(mean, rel=2e-13, abs=0)
