"""Latency percentiles in seconds, only with enough samples."""

from statistics import quantiles

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


BINOMIAL = (
    (1, (0, 1), (0, 1)),
    (2, (0, 2), (1, 2)),
    (5, (0, 5), (4, 5)),
    (6, (1, 5), (4, 6)),
    (100, (40, 60), (90, 99)),
    (101, (41, 60), (91, 100)),
    (1000, (469, 531), (936, 963)),
    (12_345, (6064, 6281), (11_680, 11_775)),
    (250_000, (124_510, 125_490), (237_286, 237_713)),
)
"""`scipy.stats.binom.ppf((0.025, 0.975), count, share)` for the shares 0.5 and 0.95, of SciPy 1.17.1."""


@pytest.mark.parametrize(("count", "median", "p95"), BINOMIAL)
def test_the_bounds_are_the_samples_at_the_quantiles_of_a_binomial(
    count: int, median: tuple[int, int], p95: tuple[int, int]
) -> None:
    # GIVEN calls of 1, 2 … seconds, so that a latency is its place, the first of which is 1
    latency = summarize_latency([second * 1_000_000_000 for second in range(1, count + 1)])
    assert latency is not None
    assert (latency.p50_low, latency.p50_high) == (max(1, median[0]), min(count, median[1] + 1))
    if count >= 100:
        assert (latency.p95_low, latency.p95_high) == (p95[0], min(count, p95[1] + 1))


@given(st.lists(st.integers(0, 10**12), min_size=11))
def test_deciles_lie_between_the_samples_that_are_nearest(latencies_ns: list[int]) -> None:
    latency = summarize_latency(latencies_ns)
    assert latency is not None
    seconds = [one / 1e9 for one in latencies_ns]
    deciles = quantiles(seconds, n=10, method="inclusive")
    assert latency.spread == pytest.approx((min(seconds), *deciles, max(seconds)), rel=1e-12)


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_the_median_lies_among_the_samples_and_the_p95_not_below_it(latencies_ns: list[int]) -> None:
    latency = summarize_latency(latencies_ns)
    assert latency is not None
    assert min(latencies_ns) / 1e9 <= latency.p50 * (1 + 1e-9)
    assert latency.p50 * (1 - 1e-9) <= max(latencies_ns) / 1e9
    assert latency.p95 is None or latency.p95 >= latency.p50
