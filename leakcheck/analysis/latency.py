"""Latency percentiles of the calls that were timed one by one."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from leakcheck.model.result import Latency

FEWEST_FOR_P95 = 100
_DECILES = range(0, 101, 10)  # not tuned: per cent
_NEGLIGIBLE = 1e-18  # any value from 1e-30 to 1e-17 does: below the last digit of a sum
"""Relative to the likeliest number: less probable numbers are not computed."""


def summarize_latency(latencies_ns: Sequence[int]) -> Latency | None:
    """Return the median and the 95th percentile in seconds, interpolated linearly, with bounds; None if empty."""
    if not latencies_ns:
        return None
    ordered = sorted(latencies_ns)
    enough = len(ordered) >= FEWEST_FOR_P95
    p50_low, p50_high = _bounds(ordered, 0.5)
    p95_low, p95_high = _bounds(ordered, 0.95) if enough else (None, None)
    return Latency(
        p50=_percentile(ordered, 50),
        p95=_percentile(ordered, 95) if enough else None,
        samples=len(ordered),
        p50_low=p50_low,
        p50_high=p50_high,
        p95_low=p95_low,
        p95_high=p95_high,
        spread=tuple(_percentile(ordered, percent) for percent in _DECILES)
        if len(ordered) >= len(_DECILES)
        else tuple(duration / 1e9 for duration in ordered),
    )


def _percentile(ordered: Sequence[int], percent: int) -> float:
    """Return a percentile in seconds by linear interpolation."""
    index, rest = divmod(percent * (len(ordered) - 1), 100)
    low, high = ordered[index] / 1e9, ordered[min(index + 1, len(ordered) - 1)] / 1e9
    return low + (high - low) * rest / 100


def _bounds(ordered: Sequence[int], share: float) -> tuple[float, float]:
    """Return the samples that enclose a percentile with 95 % confidence, or the outermost if there are too few.

    The number of samples below a percentile is binomial, whatever their distribution (Conover, Practical Nonparametric
    Statistics, 3.2).
    """
    last = len(ordered) - 1
    low, high = _quantiles(len(ordered), share, (0.025, 0.975))
    return ordered[max(0, low - 1)] / 1e9, ordered[min(last, high)] / 1e9


def _quantiles(count: int, share: float, chances: Sequence[float]) -> list[int]:
    """Return the quantiles of a binomial distribution, for `count` trials with the probability `share`.

    Weights are relative to that of about the likeliest number, and each follows from its neighbour's. So no factorial
    overflows, and numbers with a negligible probability are not computed.
    """
    odds, first = share / (1 - share), int(count * share)
    fewer, number, weight = [], first, 1.0
    while weight > _NEGLIGIBLE:
        weight *= number / (count - number + 1) / odds
        fewer.append(weight)
        number -= 1
    least = number
    more, number, weight = [], first, 1.0
    while weight > _NEGLIGIBLE:
        more.append(weight)
        weight *= (count - number) / (number + 1) * odds
        number += 1
    below = list(accumulate((*reversed(fewer), *more)))
    return [least + bisect_left(below, chance * below[-1]) for chance in chances]
