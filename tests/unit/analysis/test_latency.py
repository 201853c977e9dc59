"""Latency percentiles in seconds, only with enough samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.latency import summarize_latency


def test_without_samples_there_is_no_latency() -> None:
    assert summarize_latency(()) is None


@pytest.mark.parametrize(("samples", "has_p95"), [(1, False), (99, False), (100, True)])
def test_a_p95_needs_a_hundred_samples(samples: int, has_p95: bool) -> None:
    latency = summarize_latency([1_000_000] * samples)
    assert latency is not None
    assert latency.p50 == pytest.approx(0.001)
    assert (latency.p95 is not None) is has_p95
    assert latency.samples == samples


def test_percentiles_of_a_known_series_are_exact() -> None:
    """GIVEN calls of 1, 2 … 101 ms THEN the median is 51 ms and the 95th percentile 96 ms, in any order."""
    latency = summarize_latency([milliseconds * 1_000_000 for milliseconds in range(101, 0, -1)])
    assert latency is not None
    assert latency.p50 == pytest.approx(0.051)
    assert latency.p95 == pytest.approx(0.096)


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_the_median_lies_among_the_samples_and_the_p95_not_below_it(latencies_ns: list[int]) -> None:
    latency = summarize_latency(latencies_ns)
    assert latency is not None
    assert min(latencies_ns) / 1e9 <= latency.p50 * (1 + 1e-9)
    assert latency.p50 * (1 - 1e-9) <= max(latencies_ns) / 1e9
    assert latency.p95 is None or latency.p95 >= latency.p50
