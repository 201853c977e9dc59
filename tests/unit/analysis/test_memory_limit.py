"""Under a memory limit: shares with their intervals, forecasts, and the kinds of failures."""

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.memory_limit import (
    failures_of,
    forecast_exhaustion,
    forecast_for_process,
    successes_of,
    wilson_interval,
)
from leakcheck.model.answers import Readings
from leakcheck.model.memory_limit import FailureCount, LimitResult, Share
from leakcheck.model.verdict import Verdict
from leakcheck.runner.load_generator import _kind
from leakcheck.worker.server.app import failure_kind
from leakcheck.worker.server.memory_limit import delegated_cgroup, make_cgroup
from tests.unit.runs import growth


@pytest.mark.parametrize(
    ("errors", "requests", "low", "high"),
    [(0, 200, 0.0, 0.0188), (1, 100, 0.0018, 0.0545), (15, 100, 0.0931, 0.2328), (20, 20, 0.8389, 1.0)],
)
def test_an_error_rate_has_wilsons_interval(errors: int, requests: int, low: float, high: float) -> None:
    share = wilson_interval(errors, requests)
    assert share.low == pytest.approx(low, abs=1e-4)
    assert share.high == pytest.approx(high, abs=1e-4)


def test_without_requests_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == Share(value=0.0, low=0.0, high=1.0)
    assert successes_of([]) is None


@given(
    rate=st.floats(1e3, 1e9),
    held=st.integers(10_000_000, 100_000_000),
    calls=st.integers(1, 10_000),
)
def test_memory_runs_out_when_the_growth_has_used_up_the_rest(rate: float, held: int, calls: int) -> None:
    forecast = forecast_exhaustion(growth(rate, rate / 100), 200_000_000, calls, held)
    assert forecast is not None
    assert held + (forecast.calls - calls) * rate / 1000 == pytest.approx(200_000_000)
    assert calls <= forecast.low <= forecast.calls <= forecast.high


def test_there_is_no_forecast_without_a_certain_growth_or_with_too_little_memory() -> None:
    assert forecast_exhaustion(growth(100, 200), 10**9, 10, 10**6) is None
    assert forecast_exhaustion(growth(1e6, 0), 10**5, 10, 10**6) is None
    readings = Readings(calls=(1, 2), rss_bytes=(10, 10))
    assert forecast_for_process(Verdict.CLEAN, growth(1e6, 0), readings, 10**9) is None
    assert forecast_for_process(Verdict.LEAK, None, readings, 10**9) is None
    assert forecast_for_process(Verdict.LEAK, growth(1e6, 0), Readings(), 10**9) is None
    assert forecast_for_process(Verdict.LEAK, growth(1e6, 0), readings, 10**6) is not None


def test_failures_are_counted_by_their_kind_the_most_frequent_first() -> None:
    assert failures_of(["", "a", "b", "b", ""]) == (FailureCount(kind="b", count=2), FailureCount(kind="a", count=1))


@pytest.mark.parametrize(
    ("status", "header", "kind"),
    [
        (500, "MemoryError", "MemoryError"),
        (500, "ValueError: order 17", "ValueError"),
        (500, "DatabaseError: out of memory for query result", "driver: DatabaseError: out of memory for query result"),
        (503, "", "status 503"),
    ],
)
def test_a_failure_is_named_by_its_class_and_a_drivers_by_its_message(status: int, header: str, kind: str) -> None:
    headers = {"X-Leakcheck-Failure": header} if header else {}
    assert _kind(httpx.Response(status, headers=headers)) == kind


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("a\r\nSet-Cookie: b"), "ValueError: a??Set-Cookie: b"),
        (Hostile(), "Hostile"),
        (KeyError(), "KeyError"),
    ],
)
def test_an_exception_becomes_a_header_without_injected_lines(error: Exception, kind: str) -> None:
    assert failure_kind(error) == kind


def test_a_cgroup_is_used_only_where_the_memory_controller_is_delegated(tmp_path: Path) -> None:
    own = next(line[3:].strip() for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::")
    folder = tmp_path / own.strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    assert delegated_cgroup(str(tmp_path)) is None
    (folder / "cgroup.controllers").write_text("cpu io\n")
    (folder / "cgroup.subtree_control").write_text("")
    assert delegated_cgroup(str(tmp_path)) is None
    (folder / "cgroup.controllers").write_text("cpu memory\n")
    cgroup = delegated_cgroup(str(tmp_path))
    assert cgroup is not None
    assert Path(cgroup).samefile(folder)
    created = Path(make_cgroup(cgroup, 1000))
    assert (created / "memory.max").read_text() == "1000"
    assert (created / "memory.swap.max").read_text() == "0"


def test_a_limit_run_without_failures_mentions_none() -> None:
    from leakcheck.model.result import Budget, Result
    from leakcheck.model.verdict import Gate
    from leakcheck.reporters.messages.memory_limit import memory_limit_sentences

    limit = LimitResult(
        limiter="RLIMIT_DATA",
        memory_bytes=2**28,
        server="gunicorn 23.0.0",
        requests=200,
        errors=0,
        error_rate=wilson_interval(0, 200),
        failures=(),
        crashes=0,
        crashes_per_1000=0.0,
        latency_seconds=successes_of([0.01] * 200),
        peak_rss_bytes=44 * 2**20,
        other_requests=50,
        other_errors=0,
        concurrency=2,
        predicted=forecast_exhaustion(growth(1e6, 0), 2**28, 100, 2**26),
    )
    result = Result(
        scenario="send\n::error::",
        variant=None,
        target="x.py::send",
        verdict=Verdict.CLEAN,
        gate=Gate.WITHIN,
        over_budget=(),
        budget=Budget(growth_bytes_per_1000_calls=1),
        memory_limit=limit,
    )
    sentences = list(memory_limit_sentences(result))
    assert "none of 200 requests failed (less than 1.9%); no worker crashed; peak RSS 44.0 MiB." in sentences[0]
    assert "with 256 MiB, memory runs out after about" in sentences[2]
    assert not any("\n" in sentence for sentence in sentences)
