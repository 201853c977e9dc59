"""Latency from the calls that were timed one by one."""

from collections.abc import Sequence

import numpy as np

from leakcheck.model import Latency

FEWEST_FOR_P95 = 100


def summarize_latency(latencies_ns: Sequence[int]) -> Latency | None:
    """Return median and 95th percentile in seconds (linear interpolation); None without a sample."""
    if not latencies_ns:
        return None
    p50, p95 = np.percentile(np.asarray(latencies_ns, dtype=np.float64) / 1e9, [50, 95])
    return Latency(
        p50=float(p50), p95=float(p95) if len(latencies_ns) >= FEWEST_FOR_P95 else None, samples=len(latencies_ns)
    )
