"""A scenario under a memory limit: failures and latencies of requests, and a forecast of when memory runs out."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

from leakcheck.analysis.latency import summarize_latency
from leakcheck.model.answers import Readings
from leakcheck.model.child_processes import Children
from leakcheck.model.memory_limit import FailureCount, Forecast, Share, SuccessLatency
from leakcheck.model.result import Growth
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

_NORMAL_97_5 = NormalDist().inv_cdf(0.975)


def wilson_interval(errors: int, requests: int) -> Share:
    """Return the share of failed requests with its 95 % interval (Wilson, JASA 22, 1927); 0 to 1 without requests."""
    if not requests:
        return Share(value=0.0, low=0.0, high=1.0)
    rate = errors / requests
    spread = _NORMAL_97_5**2 / requests
    middle = (rate + spread / 2) / (1 + spread)
    half = math.sqrt(rate * (1 - rate) * spread + spread**2 / 4) / (1 + spread)
    return Share(value=rate, low=max(0.0, middle - half), high=min(1.0, middle + half))


def failures_of(kinds: Sequence[str]) -> tuple[FailureCount, ...]:
    """Return each kind of failure with its count, the most frequent first; "" is a success."""
    return tuple(FailureCount(kind=kind, count=count) for kind, count in Counter(filter(None, kinds)).most_common())


def successes_of(seconds: Sequence[float]) -> SuccessLatency | None:
    """Return the latency of successful requests; None if there were none."""
    latency = summarize_latency([int(duration * 1e9) for duration in seconds])
    if latency is None or latency.p50_low is None or latency.p50_high is None:
        return None
    return SuccessLatency(
        p50=latency.p50, p50_low=latency.p50_low, p50_high=latency.p50_high, p95=latency.p95, samples=latency.samples
    )


def forecast_exhaustion(growth: Growth, memory_bytes: int, calls: int, held_bytes: int) -> Forecast | None:
    """Return the call at which memory runs out, given `held_bytes` after `calls` calls; None without a certain growth.

    The growth is extrapolated linearly: (limit - held) / growth.
    """
    left = memory_bytes - held_bytes
    if growth.low <= 0:
        return None
    rates = (growth.bytes_per_1000_calls, growth.high, growth.low)
    middle, *bounds = (calls + CALLS_PER_RATE * left / rate for rate in rates)
    if middle <= 0:
        return None  # too little memory to even start
    return Forecast(memory_bytes=memory_bytes, calls=middle, low=min(bounds), high=max(bounds))


def forecast_for_process(
    verdict: Verdict, growth: Growth | None, readings: Readings, memory_bytes: int, *, children: Children | None = None
) -> Forecast | None:
    """Return the forecast for the process that was measured; None unless it leaks."""
    if verdict is not Verdict.LEAK or growth is None or not readings.rss_bytes:
        return None
    held = readings.rss_bytes[-1] + (children.held_bytes[-1] if children is not None and children.held_bytes else 0)
    return forecast_exhaustion(growth, memory_bytes, readings.calls[-1], held)
