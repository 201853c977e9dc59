"""Latency from the calls that were timed one by one."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from leakcheck.model.result import Latency

FEWEST_FOR_P95 = 100
_DECILES = range(0, 101, 10)
_NEGLIGIBLE = 1e-18
"""Of the likeliest number's chance."""


def summarize_latency(latencies_ns: Sequence[int]) -> Latency | None:
    """Return median and 95th percentile in seconds (linear interpolation), with bounds; None without a sample."""
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
        else tuple(one / 1e9 for one in ordered),
    )


def _percentile(ordered: Sequence[int], percent: int) -> float:
    """Return a percentile in seconds by linear interpolation."""
    place, rest = divmod(percent * (len(ordered) - 1), 100)
    low, high = (one / 1e9 for one in (ordered[place], ordered[min(place + 1, len(ordered) - 1)]))
    return low + (high - low) * rest / 100


def _bounds(ordered: Sequence[int], share: float) -> tuple[float, float]:
    """Return the samples between which a percentile lies with 95 %, or the outermost where that takes more samples.

    How many samples lie below it is binomial, whatever their distribution (Conover, Practical
    Nonparametric Statistics, 3.2).
    """
    last = len(ordered) - 1
    low, high = _quantiles(len(ordered), share, (0.025, 0.975))
    return ordered[max(0, low - 1)] / 1e9, ordered[min(last, high)] / 1e9


def _quantiles(count: int, share: float, chances: Sequence[float]) -> list[int]:
    """Return the least numbers that so many binomial trials do not exceed, with these chances.

    By weights to that of about the likeliest number, each of which follows from its neighbour's: no factorial
    overflows, and of many trials only those numbers are reckoned with that happen.
    """
    odds, first = share / (1 - share), int(count * share)
    fewer, at, weight = [], first, 1.0
    while weight > _NEGLIGIBLE:
        weight *= at / (count - at + 1) / odds
        fewer.append(weight)
        at -= 1
    least = at
    more, at, weight = [], first, 1.0
    while weight > _NEGLIGIBLE:
        more.append(weight)
        weight *= (count - at) / (at + 1) * odds
        at += 1
    below = list(accumulate((*reversed(fewer), *more)))
    return [least + bisect_left(below, chance * below[-1]) for chance in chances]
