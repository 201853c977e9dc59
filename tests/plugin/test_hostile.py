"""A test that writes to every descriptor fails by itself: those before and after it are measured."""

from leakcheck.model.verdict import Gate, Verdict
from tests.plugin.project import LEAK, LEAK_BYTES_PER_CALL, Project

WRITES = """
import os, pytest

def write():
    for number in range(3, 60):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                os.write(number, b"hello")
        except OSError:
            pass

@pytest.mark.leakcheck
def test_before(): ...

@pytest.mark.leakcheck
def test_writes():
    write()

def test_that_is_not_measured_writes():
    write()

@pytest.mark.leakcheck
def test_after():
    leak()
"""


def test_a_test_that_writes_to_every_descriptor_fails_alone(project: Project) -> None:
    project.write("test_shop.py", WRITES, before=LEAK)
    run = project.run()
    assert run.outcomes == {"passed": 2, "failed": 2}
    assert run.results["test_shop.py::test_before"].verdict is Verdict.CLEAN
    assert run.results["test_shop.py::test_writes"].gate is Gate.ERROR
    assert "something wrote b'hello" in run.text
    growth = run.results["test_shop.py::test_after"].growth
    assert growth is not None
    assert abs(growth.bytes_per_1000_calls / 1000 - LEAK_BYTES_PER_CALL) < 0.02 * LEAK_BYTES_PER_CALL


KILLS = """
import os, signal
from pathlib import Path
import pytest

@pytest.fixture
def without_judge():
    [judge] = map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    os.kill(judge, signal.SIGKILL)
    os.waitid(os.P_PID, judge, os.WEXITED | os.WNOWAIT)

@pytest.mark.leakcheck
def test_without_judge(without_judge): ...

@pytest.mark.leakcheck
def test_after(): ...
"""


def test_a_test_whose_judge_is_killed_fails_and_the_next_one_has_another(project: Project) -> None:
    project.write("test_shop.py", KILLS)
    run = project.run()
    assert run.outcomes == {"passed": 1, "failed": 1}, run.text
    assert "leakcheck: the test was not judged: the judge process was killed by SIGKILL" in run.text
    assert run.results["test_shop.py::test_after"].verdict is Verdict.CLEAN
