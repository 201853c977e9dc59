"""Quantiles for confidence intervals: of Student's t, and of the mean of a Poisson count, to twelve digits."""

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist

_MANY = 400  # any value from 200 to 1000 does: both ways give the same twelve digits
"""Degrees of freedom beyond which a series in their inverse is as exact: its first omitted term is 1e-13."""

_NEGLIGIBLE = 1e-18  # any value from 1e-30 to 1e-17 does: below the last digit of a sum
"""Relative to a sum: a term that does not change any of its digits."""


@cache
def student(freedom: int, chance: float) -> float:
    """Return the quantile of Student's t at `chance`, which is at least a half.

    The integral is a finite sum for whole degrees of freedom (Abramowitz and Stegun, Handbook of Mathematical
    Functions, 26.7.3 and 26.7.4). For many of them the quantile follows from that of the normal distribution (26.7.5).
    """
    if freedom > _MANY:
        return _student_of_many(freedom, NormalDist().inv_cdf(chance))
    # no t is wider than that of one degree of freedom, the Cauchy distribution
    return _crossing(lambda t: _within(t, freedom), 2 * chance - 1, math.tan(math.pi * (chance - 0.5)))


def _within(t: float, freedom: int) -> float:
    """Return the probability that Student's t is between -t and t."""
    power = freedom % 2
    square, sine = freedom / (freedom + t * t), t / math.sqrt(freedom + t * t)
    term, total = math.sqrt(square) if power else 1.0, 0.0
    while power <= freedom - 2:
        total += term
        term *= square * (power + 1) / (power + 2)
        power += 2
    if freedom % 2 == 0:
        return sine * total
    return 2 / math.pi * (math.atan(t / math.sqrt(freedom)) + sine * total)


def _student_of_many(freedom: int, z: float) -> float:
    square = z * z
    terms = (
        (square + 1) / 4,
        ((5 * square + 16) * square + 3) / 96,
        (((3 * square + 19) * square + 17) * square - 15) / 384,
        ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92160,
    )
    return z * (1 + sum(term / float(freedom) ** power for power, term in enumerate(terms, start=1)))


def poisson_mean(count: int, chance: float) -> float:
    """Return the mean at which a Poisson count is at least `count`, which is positive, with probability `chance`."""
    return _crossing(lambda mean: _at_least(count, mean), chance, count + 10 * math.sqrt(count) + 10)


def _at_least(count: int, mean: float) -> float:
    """Return the probability of `count` or more, from weights relative to that of `count`, without overflow."""
    more, number, weight = 0.0, count, 1.0
    while weight > _NEGLIGIBLE * more:
        more += weight
        number += 1
        weight *= mean / number
    fewer, number, weight = 0.0, count, count / mean
    while weight > _NEGLIGIBLE * fewer:
        fewer += weight
        number -= 1
        weight *= number / mean
    return more / (more + fewer)


def _crossing(rising: Callable[[float], float], level: float, high: float) -> float:
    """Return where a rising function on [0, high] reaches `level`, by bisection to the last digit."""
    low = 0.0
    while low < (middle := (low + high) / 2) < high:
        if rising(middle) < level:
            low = middle
        else:
            high = middle
    return high
