"""Scenarios side by side: as memory allows, and no further than they declare."""

import psutil
import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.machine import cores
from tests.live.beside import HEALTHY, assert_healthy_was_measured
from tests.live.command import Leakcheck

needs_two_cores = pytest.mark.skipif(cores() < 2, reason="two at a time want two cores")

MARKING = """
import os, time
from leakcheck import scenario

def mark(word):
    # a line that short is written at once or not at all
    file = os.open("marks.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, (word + "\\n").encode())
    os.close(file)

def marked(name):
    mark("start " + name)
    yield lambda: time.sleep(0.0001)
    mark("end " + name)

"""
SCENE = """
@scenario({said})
def {name}():
    yield from marked("{name}")
"""


def marks(leakcheck: Leakcheck) -> list[str]:
    return (leakcheck.folder / "marks.txt").read_text().split("\n")[:-1]


def most_at_once(marks: list[str]) -> int:
    inside = [0]
    for mark in marks:
        inside.append(inside[-1] + (1 if mark.startswith("start") else -1))
    return max(inside)


@needs_two_cores
@pytest.mark.parametrize("share", [0.6, 5.0], ids=["not both", "more than there is"])
def test_two_that_declare_more_memory_than_there_is_for_both_never_run_at_the_same_time(
    leakcheck: Leakcheck, share: float
) -> None:
    # GIVEN four scenarios that declare more than half of what is free, or more than all of it
    declared = f'memory="{psutil.virtual_memory().available * share:.0f} B"'
    leakcheck.write("hungry.py", MARKING + "".join(SCENE.format(said=declared, name=name) for name in "abcd"))
    # WHEN two may run side by side
    ran = leakcheck.run("hungry.py", "--jobs", "2", "--calls", "300")
    # THEN each was measured, one after the other
    assert [result.verdict for result in ran.document.results] == [Verdict.CLEAN] * 4
    assert marks(leakcheck) == [f"{word} {name}" for name in "abcd" for word in ("start", "end")]
    assert ran.code == ExitCode.WITHIN


@needs_two_cores
def test_two_small_ones_run_at_the_same_time(leakcheck: Leakcheck) -> None:
    # GIVEN two scenarios that are each set up only when the other has begun
    meeting = """
def meet(name, other):
    open(name + "-is-here", "w").close()
    deadline = time.monotonic() + 50
    while not os.path.exists(other + "-is-here"):
        assert time.monotonic() < deadline, other + " never came"
        time.sleep(0.01)
    yield from marked(name)

@scenario
def one():
    yield from meet("one", "two")

@scenario(memory="64 MiB")
def two():
    yield from meet("two", "one")
"""
    leakcheck.write("meeting.py", MARKING + meeting)
    # WHEN two may run side by side
    ran = leakcheck.run("meeting.py", "--jobs", "auto", "--calls", "300")
    # THEN they met
    assert [(result.verdict, result.failure) for result in ran.document.results] == [(Verdict.CLEAN, None)] * 2
    assert ran.code == ExitCode.WITHIN


@needs_two_cores
def test_an_override_declares_what_the_project_knows_better(leakcheck: Leakcheck) -> None:
    leakcheck.write("hungry.py", MARKING + "".join(SCENE.format(said="", name=name) for name in "ab"))
    declared = f"{psutil.virtual_memory().available * 0.6:.0f} B"
    leakcheck.write("pyproject.toml", f'[[tool.leakcheck.overrides]]\nmatch = "*"\nmemory = "{declared}"\n')
    leakcheck.run("hungry.py", "--jobs", "2", "--calls", "300")
    assert most_at_once(marks(leakcheck)) == 1


TAKES = """
from leakcheck import scenario

@scenario({said})
def takes():
    kept = bytearray(120 * 1024 * 1024)
    yield lambda: kept
"""


def test_a_scenario_that_takes_more_than_it_declares_is_ended_and_told_what_to_raise(leakcheck: Leakcheck) -> None:
    leakcheck.write("takes.py", TAKES.format(said='memory="100 MiB"'))
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("takes.py", "healthy.py")
    assert ran["takes"].gate is Gate.ERROR
    assert (
        "used more than 100 MiB of memory and was killed; raise its declared memory (memory= in its @scenario, or "
        "memory in its override) if it needs more"
    ) in ran.output
    assert_healthy_was_measured(ran)
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_a_scenario_that_declares_nothing_may_take_more_than_is_assumed(leakcheck: Leakcheck) -> None:
    leakcheck.write("takes.py", TAKES.format(said="").replace("120", "300"))
    assert leakcheck.run("takes.py", "--jobs", "2", "--calls", "300").code == ExitCode.WITHIN


def test_the_lower_of_the_limits_holds_and_is_the_one_to_raise(leakcheck: Leakcheck) -> None:
    leakcheck.write("takes.py", TAKES.format(said='memory="1 GiB"'))
    ran = leakcheck.run("takes.py", "--max-memory", "100 MiB")
    assert "used more than 100 MiB of memory and was killed; raise --max-memory if it needs more" in ran.output


def test_a_moment_above_the_limit_is_enough_however_quick_the_run_is(leakcheck: Leakcheck) -> None:
    # GIVEN a set-up that gives back at once what it took, and calls that take no time
    leakcheck.write("takes.py", TAKES.format(said="").replace("kept = ", "").replace("kept", "None"))
    # WHEN it is measured THEN that moment is found, though nobody may have looked then
    ran = leakcheck.run("takes.py", "--max-memory", "100 MiB")
    assert "set-up used more than 100 MiB of memory and was killed; raise --max-memory if it needs more" in ran.output
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_a_declaration_that_is_no_size_is_a_usage_error(leakcheck: Leakcheck) -> None:
    leakcheck.write("takes.py", TAKES.format(said='memory="100 Mib"'))
    ran = leakcheck.run("takes.py")
    assert "there is no unit 'Mib'" in ran.output
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_a_number_of_jobs_that_is_none_is_a_usage_error(leakcheck: Leakcheck, jobs: str) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", f"--jobs={jobs}")
    assert f"leakcheck: --jobs {jobs}: write how many, 1 or more, or auto" in ran.errors
    assert ran.code == ExitCode.USAGE
