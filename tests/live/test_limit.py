"""`leakcheck limit` through the real command: a real server, real requests, and a limit that is met."""

from pathlib import Path

import pytest

from leakcheck.model.memory_limit import LimitResult
from leakcheck.model.verdict import Gate
from tests.live.command import Leakcheck, Ran

pytest.importorskip("gunicorn")

BIG = """
    from leakcheck import scenario

    @scenario
    def send():
        b"x" * (80 * 1024 * 1024)
"""
FLAT = """
    from leakcheck import scenario

    @scenario
    def send():
        yield lambda: bytes(1000)
"""
LEAK = """
    from leakcheck import scenario

    KEPT = []

    @scenario
    def send():
        KEPT.append(b"x" * 200_000)
"""
DEADLY = """
    import os
    from leakcheck import scenario

    CALLS = []

    @scenario
    def send():
        if "gunicorn" in __import__("sys").modules:
            CALLS.append(1)
            if len(CALLS) == 10:
                os.kill(os.getpid(), 9)
"""
RAISES = """
    import sys
    from leakcheck import scenario

    CALLS = []

    @scenario
    def send():
        CALLS.append(1)
        if "gunicorn" in sys.modules and len(CALLS) % 2:
            raise ValueError("odd")
"""
ASYNC = """
    import asyncio
    from leakcheck import scenario

    @scenario
    async def send():
        await asyncio.sleep(0)
"""


def limited(leakcheck: Leakcheck, source: str, *arguments: str) -> Ran:
    path = leakcheck.write("served.py", source)
    wanted = (
        "limit",
        str(path),
        "--time",
        "2",
        "--calls",
        "300",
        f"--output={leakcheck.output}",
        "--allow-inconclusive",
    )
    return leakcheck.finish(leakcheck.start(*wanted, *arguments))


def test_calls_that_fit_all_succeed(leakcheck: Leakcheck) -> None:
    ran = limited(leakcheck, FLAT, "--memory", "128MiB", "--requests", "150")
    assert ran.code == 0, ran.output + ran.errors
    limit = of(ran)
    assert (limit.requests, limit.errors, limit.crashes, limit.limiter) == (150, 0, 0, "RLIMIT_DATA")
    assert limit.latency_seconds is not None
    assert limit.latency_seconds.samples == 150
    assert limit.latency_seconds.p95 is not None
    assert limit.peak_rss_bytes is not None
    assert 5 * 2**20 < limit.peak_rss_bytes < 128 * 2**20


def test_calls_that_do_not_fit_fail_with_memory_error_and_the_worker_survives(leakcheck: Leakcheck) -> None:
    ran = limited(leakcheck, BIG, "--memory", "64MiB", "--requests", "10")
    assert ran.code == 1
    limit = of(ran)
    assert limit.errors == 10
    assert {failure.kind for failure in limit.failures} == {"MemoryError"}
    assert "errors" in ran.result.over_budget
    assert ran.result.gate is Gate.OVER


def test_a_leak_ends_where_it_was_foretold(leakcheck: Leakcheck) -> None:
    ran = limited(leakcheck, LEAK, "--memory", "160MiB", "--requests", "900", "--concurrency", "1")
    limit = of(ran)
    assert limit.first_failure is not None
    assert limit.predicted is not None
    assert limit.predicted.calls == pytest.approx(limit.first_failure, rel=0.05)


def test_a_worker_that_dies_is_counted_and_the_next_one_goes_on(leakcheck: Leakcheck) -> None:
    ran = limited(leakcheck, DEADLY, "--memory", "256MiB", "--requests", "40", "--concurrency", "1")
    limit = of(ran)
    assert limit.crashes >= 2
    assert limit.errors >= 2
    assert {failure.kind for failure in limit.failures} <= {"disconnected", "refused"}
    assert limit.requests == 40


def test_each_failure_is_told_by_its_kind(leakcheck: Leakcheck) -> None:
    limit = of(limited(leakcheck, RAISES, "--memory", "256MiB", "--requests", "40", "--concurrency", "1"))
    assert [failure.kind for failure in limit.failures] == ["ValueError"]
    assert limit.error_rate.low < limit.errors / 40 < limit.error_rate.high


def test_an_async_scenario_is_served_by_uvicorn(leakcheck: Leakcheck) -> None:
    pytest.importorskip("uvicorn_worker")
    ran = limited(leakcheck, ASYNC, "--memory", "256MiB", "--requests", "30", "--server", "uvicorn")
    limit = of(ran)
    assert (limit.requests, limit.errors) == (30, 0), ran.output
    assert "uvicorn" in limit.server


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--memory SIZE is missing"),
        (("--memory", "nothing"), "not a size"),
        (("--memory", "64MiB", "--limiter", "cgroup"), "cgroup"),
    ],
)
def test_a_limit_that_cannot_be_set_is_said_with_its_remedy(
    leakcheck: Leakcheck, arguments: tuple[str, ...], said: str
) -> None:
    if "cgroup" in arguments:
        from leakcheck.worker.server.memory_limit import delegated_cgroup

        if delegated_cgroup() is not None:
            pytest.skip("a cgroup is delegated here")
    ran = limited(leakcheck, FLAT, *arguments)
    assert ran.code == 2
    assert said in ran.errors + ran.output


def test_a_python_without_a_server_is_told_what_to_install(leakcheck: Leakcheck, bare_python: Path) -> None:
    ran = limited(leakcheck, FLAT, "--memory", "128MiB", "--python", str(bare_python))
    assert ran.code == 3
    assert "pip install gunicorn" in ran.output


def test_a_run_says_when_a_leak_uses_up_what_it_has(leakcheck: Leakcheck) -> None:
    leakcheck.write("served.py", LEAK)
    ran = leakcheck.run("served.py", "--memory", "512MiB")
    forecast = ran.result.forecast
    assert forecast is not None
    assert forecast.calls == pytest.approx(512 * 2**20 / 200_064, rel=0.1)
    assert "with 512 MiB, memory runs out after about" in ran.output


def of(ran: Ran) -> LimitResult:
    limit = ran.result.memory_limit
    assert limit is not None, ran.output + ran.errors
    return limit
