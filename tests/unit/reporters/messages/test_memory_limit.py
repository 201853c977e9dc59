"""The sentences about a scenario that was served under a memory limit."""

from dataclasses import replace

import pytest

from leakcheck.model.memory_limit import FailureCount, Forecast, LimitResult, SuccessLatency
from leakcheck.reporters.messages.result import ResultFact
from tests.unit.runs import LEAK, limit_of
from tests.unit.statements import said

FORECAST = Forecast(memory_bytes=2**28, calls=1700.0, low=1690.0, high=1710.0)
SOME = SuccessLatency(p50=1.2, p50_low=1.1, p50_high=1.3, p95=None, samples=20)


def sentences(limit: LimitResult) -> list[str]:
    return said(replace(LEAK, memory_limit=limit), ResultFact.MEMORY_LIMIT)


def test_failures_crashes_and_the_largest_worker_are_in_one_sentence() -> None:
    failures = tuple(FailureCount(kind=kind, count=1) for kind in ("MemoryError", "timed out", "a", "b", "c"))
    limit = replace(limit_of(5, crashes=1), failures=failures, peak_rss_bytes=44 * 2**20)
    assert sentences(limit)[0] == (
        "with 256 MiB (RLIMIT_DATA, gunicorn, 2 at a time), 5 of 200 requests failed, 2.5% (1.1% to 5.7%): "
        "MemoryError ×1, timed out ×1, a ×1, b ×1, and 1 more; 1 worker crashed, 5 per 1000 requests; "
        "peak RSS 44.0 MiB."
    )


@pytest.mark.parametrize(
    ("latency", "words"),
    [
        (None, "no request succeeded, so there is no latency"),
        (replace(SOME, p50=6.0, p50_low=6.0, p50_high=6.0, samples=1), "1 request succeeded, in 6.0 s"),
        (SOME, "20 requests succeeded, in 1.2 s at the median (1.1 s to 1.3 s)"),
        (
            replace(SOME, samples=1200, p95=2.5),
            "1,200 requests succeeded, in 1.2 s at the median (1.1 s to 1.3 s), p95 2.5 s",
        ),
    ],
)
def test_the_requests_that_succeeded_have_a_latency_with_bounds(latency: SuccessLatency | None, words: str) -> None:
    limit = replace(limit_of(1), latency_seconds=latency, other_requests=1261, other_errors=2)
    assert sentences(limit)[1] == f"{words}; neighbouring requests: 2 of 1,261 failed."


def test_a_prediction_stands_beside_what_was_measured() -> None:
    predicted = (
        "predicted: with 256 MiB, memory runs out after about 1,700 calls (1,690 to 1,710); measured, of 200 requests: "
    )
    limit = replace(limit_of(3), predicted=FORECAST)
    assert sentences(limit)[2] == f"{predicted}none failed."
    assert sentences(replace(limit, first_failure=181))[2] == f"{predicted}request 181 was the first to fail."


def test_a_forecast_alone_is_one_sentence_and_without_either_there_is_none() -> None:
    assert said(replace(LEAK, forecast=FORECAST), ResultFact.MEMORY_LIMIT) == [
        "with 256 MiB, memory runs out after about 1,700 calls (1,690 to 1,710)."
    ]
    assert said(LEAK, ResultFact.MEMORY_LIMIT) == []
