"""A healthy scenario beside a bad one: whatever the bad one does, the healthy one has to be measured."""

import time
from collections.abc import Callable

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from tests.live.command import Leakcheck, Ran

HEALTHY = """
from leakcheck import scenario

@scenario
def healthy():
    sum(range(100))
"""


def run_beside_healthy(leakcheck: Leakcheck, bad: str, *flags: str) -> Ran:
    """Run `bad.py`, and after it in the same run a scenario that is fine, which must be measured."""
    leakcheck.write("bad.py", bad)
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run(".", *flags)
    assert_healthy_was_measured(ran)
    return ran


def assert_healthy_was_measured(ran: Ran) -> None:
    assert (ran["healthy"].verdict, ran["healthy"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran.document.finished


def assert_failed(ran: Ran, message: str) -> None:
    """The bad scenario's sentence was printed, once, and the run ends with "a scenario failed"."""
    assert ran.output.count(message) == 1, ran.output
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.SCENARIO_FAILED


def wait_until(true: Callable[[], bool], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
