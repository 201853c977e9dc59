"""What became of the requests to a served scenario, and when the memory of a leak ends."""

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


def wilson(errors: int, requests: int) -> Share:
    """Return the share with its 95 % interval (Wilson, JASA 22, 1927); from 0 to 1 where nothing was asked."""
    if not requests:
        return Share(value=0.0, low=0.0, high=1.0)
    rate = errors / requests
    spread = _NORMAL_97_5**2 / requests
    middle = (rate + spread / 2) / (1 + spread)
    half = math.sqrt(rate * (1 - rate) * spread + spread**2 / 4) / (1 + spread)
    return Share(value=rate, low=max(0.0, middle - half), high=min(1.0, middle + half))


def failures_of(kinds: Sequence[str]) -> tuple[FailureCount, ...]:
    """Return each way of failing with its count, the most frequent first; "" is none."""
    return tuple(FailureCount(kind=kind, count=count) for kind, count in Counter(filter(None, kinds)).most_common())


def successes_of(seconds: Sequence[float]) -> SuccessLatency | None:
    """Return the latency of the requests that succeeded; None where none did."""
    found = summarize_latency([int(one * 1e9) for one in seconds])
    if found is None or found.p50_low is None or found.p50_high is None:
        return None
    return SuccessLatency(
        p50=found.p50, p50_low=found.p50_low, p50_high=found.p50_high, p95=found.p95, samples=found.samples
    )


def foretell(growth: Growth, memory_bytes: int, calls: int, held_bytes: int) -> Forecast | None:
    """Return the call at which memory ends, where `held_bytes` were taken after so many calls.

    (limit - held) / growth, the slope of the calls that were seen, carried on or back; None where it does
    not surely rise.
    """
    left = memory_bytes - held_bytes
    if growth.low <= 0:
        return None
    ends = (calls + CALLS_PER_RATE * left / rate for rate in (growth.bytes_per_1000_calls, growth.high, growth.low))
    middle, *bounds = ends
    if middle <= 0:
        return None  # so little memory that it does not even start
    return Forecast(memory_bytes=memory_bytes, calls=middle, low=min(bounds), high=max(bounds))


def foretold_by(
    verdict: Verdict,
    growth: Growth | None,
    readings: Readings,
    memory_bytes: int,
    *,
    children: Children | None = None,
) -> Forecast | None:
    """Return when the memory of the process that was measured would have ended; None for what does not leak."""
    if verdict is not Verdict.LEAK or growth is None or not readings.rss_bytes:
        return None
    held = readings.rss_bytes[-1] + (children.held_bytes[-1] if children is not None and children.held_bytes else 0)
    return foretell(growth, memory_bytes, readings.calls[-1], held)
