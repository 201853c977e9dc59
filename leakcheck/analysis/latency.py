"""Latency percentiles of the calls that were timed one by one."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leakcheck.model.result import Latency

FEWEST_FOR_P95 = 100
_DECILES = range(0, 101, 10)


def summarize_latency(latencies_ns: Sequence[int]) -> Latency | None:
    """Return the median and the 95th percentile in seconds, interpolated linearly, with bounds; None if empty."""
    if not latencies_ns:
        return None
    seconds = np.sort(np.asarray(latencies_ns, dtype=np.float64)) / 1e9
    p50, p95 = _percentiles(seconds, [50, 95])
    enough = len(seconds) >= FEWEST_FOR_P95
    p50_low, p50_high = _bounds(seconds, 0.5)
    p95_low, p95_high = _bounds(seconds, 0.95) if enough else (None, None)
    spread = _percentiles(seconds, _DECILES) if len(seconds) >= len(_DECILES) else seconds
    return Latency(
        p50=float(p50),
        p95=float(p95) if enough else None,
        samples=len(seconds),
        p50_low=p50_low,
        p50_high=p50_high,
        p95_low=p95_low,
        p95_high=p95_high,
        spread=tuple(spread.tolist()),
    )


def _percentiles(ordered: NDArray[np.float64], percents: Sequence[int]) -> NDArray[np.float64]:
    """Return percentiles by linear interpolation, as `numpy.percentile` does, which loads `numpy.ma` for 15 ms."""
    last = len(ordered) - 1
    return np.interp(np.asarray(percents) * last / 100, np.arange(last + 1), ordered)


def _bounds(ordered: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Return the samples that enclose a percentile with 95 % confidence, or the outermost if there are too few.

    The number of samples below a percentile is binomial, whatever their distribution (Conover, Practical Nonparametric
    Statistics, 3.2).
    """
    last = len(ordered) - 1
    low, high = (int(place) for place in _quantiles(len(ordered), share, (0.025, 0.975)))
    return float(ordered[max(0, low - 1)]), float(ordered[min(last, high)])


def _quantiles(count: int, share: float, chances: Sequence[float]) -> NDArray[np.intp]:
    """Return the least numbers that so many binomial trials do not exceed, with these chances.

    By the logarithms of the factorials, which overflow nowhere. scipy.special has it too, and takes longer to
    import than most scenarios to measure.
    """
    numbers = np.arange(count + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(numbers[1:]))])
    ways = factorials[-1] - factorials - factorials[::-1]
    below = np.cumsum(np.exp(ways + numbers * math.log(share) + numbers[::-1] * math.log(1 - share)))
    return np.searchsorted(below, chances)
