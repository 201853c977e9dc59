"""Latency from the calls that were timed one by one."""

from collections.abc import Sequence

import numpy as np

from leakcheck.model import Latency

FEWEST_FOR_P95 = 100
_DECILES = range(0, 101, 10)


def summarize_latency(latencies_ns: Sequence[int]) -> Latency | None:
    """Return median and 95th percentile in seconds (linear interpolation); None without a sample."""
    if not latencies_ns:
        return None
    seconds = np.sort(np.asarray(latencies_ns, dtype=np.float64) / 1e9)
    p50, p95 = np.percentile(seconds, [50, 95])
    spread = np.percentile(seconds, _DECILES) if len(seconds) >= len(_DECILES) else seconds
    return Latency(
        p50=float(p50),
        p95=float(p95) if len(seconds) >= FEWEST_FOR_P95 else None,
        samples=len(seconds),
        spread=tuple(spread.tolist()),
    )
