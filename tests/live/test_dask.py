"""Measurements on a Dask cluster: a real scheduler and two workers on loopback, and what can happen to them."""

import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import leakcheck as package
from leakcheck.model.errors import ExitCode
from leakcheck.model.run import SCHEMA
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.storage import run_file
from tests.live.beside import HEALTHY, assert_healthy_was_measured, wait_until
from tests.live.command import Leakcheck, is_alive
from tests.live.dask_cluster import Fleet, dask_worker_of, kill
from tests.live.sites import copy_of, replay

MARKING = """
import os, sys, time
from leakcheck import scenario

def mark(*words):
    # a line that short is written at once or not at all
    file = os.open("marks.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, (" ".join(map(str, words)) + "\\n").encode())
    os.close(file)

"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture
def fleet(cluster: Fleet) -> Fleet:
    """The cluster, with two workers that live."""
    cluster.complete()
    return cluster


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Fleet]:
    """A scheduler without workers."""
    folder = tmp_path / "lone"
    folder.mkdir()
    made = Fleet(folder)
    yield made
    made.close()


def marks(leakcheck: Leakcheck) -> list[list[str]]:
    path = leakcheck.folder / "marks.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


LEAN = (
    MARKING
    + """
KEPT = []

@scenario
def leaks():
    KEPT.append(bytes(1000))

@scenario
def lean():
    loaded = [name for name in sys.modules if name.partition(".")[0] in ("dask", "distributed", "tornado", "numpy")]
    assert not loaded, loaded
    # what Dask's nanny and its configuration set, and the variables of whoever started the worker
    ours = [name for name in os.environ if name.startswith(("DASK_", "MALLOC_")) or name.endswith("_NUM_THREADS")]
    assert not ours, ours
    assert os.environ.get("PYTHONPATH") == os.environ.get("PYTHONWARNINGS") == None
    assert os.path.exists("lean.py"), os.getcwd()
    assert os.environ["PYTHONUTF8"] == "1"
    sum(range(100))
"""
)


def test_results_of_a_cluster_are_the_same_documents(fleet: Fleet, leakcheck: Leakcheck) -> None:
    # GIVEN a leak of 1000 bytes a call, and a scenario that looks around itself
    leakcheck.write("lean.py", LEAN)
    # WHEN they are measured on a cluster, with a variable of Python's own in the command's environment
    ran = leakcheck.run(
        *("lean.py", "--executor", fleet.executor, "--calls", "2000", "--peak-pass", "--explain=auto"),
        environment={"PYTHONUTF8": "1"},
    )
    # THEN the leak is found at its size, and explained
    assert ran["leaks"].verdict is Verdict.LEAK
    growth = ran["leaks"].growth
    assert growth is not None
    assert growth.bytes_per_1000_calls == pytest.approx(1000 * 1048, rel=0.05)
    assert [container.name for container in ran["leaks"].explanation.containers] == ["lean.KEPT"]
    # THEN nothing of the cluster was in the measured process
    assert (ran["lean"].verdict, ran["lean"].failure) == (Verdict.CLEAN, None)
    # THEN it is the document of any run, which says where it was measured, and the captures are here
    assert ran.document.schema == SCHEMA
    assert ran.document.finished
    assert ran.code == ExitCode.OVER_BUDGET
    (folder,) = leakcheck.output.iterdir()
    for result in ran.document.results:
        assert result.measured_on is not None
        assert (result.measured_on.host, result.measured_on.attempts) == (socket.gethostname(), 1)
        assert result.capture is not None
        assert (folder / result.capture).read_bytes()[:32].count(b"memray") == 1
    assert f"Measured on {socket.gethostname()} (2)." in ran.output


SLOW = (
    MARKING
    + """
@scenario
def first():
    sum(range(100))

@scenario
def slow():
    # the process that measures it first never comes to an end by itself
    seconds = 0.0001 if os.path.exists("marks.txt") else 50
    mark("slow", os.getpid())
    yield lambda: time.sleep(seconds)
"""
)


def slow_pid(leakcheck: Leakcheck) -> int:
    """Wait until the first is saved and the slow one has begun, and return the process that measures it."""
    wait_until(lambda: bool(marks(leakcheck)), seconds=60)
    document = next(leakcheck.output.glob("*/run.json"))
    wait_until(lambda: [one.id for one in run_file.load(document).results] == ["first"], seconds=60)
    return int(marks(leakcheck)[-1][1])


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(fleet: Fleet, leakcheck: Leakcheck) -> None:
    # GIVEN a measurement that has begun on a worker
    leakcheck.write("slow.py", SLOW)
    said = ("run", "slow.py", "--no-peak", "--explain=never", "--no-report", f"--output={leakcheck.output}")
    running = leakcheck.start(*said, "--executor", fleet.executor)
    measured = slow_pid(leakcheck)
    # WHEN that worker is killed
    kill(dask_worker_of(measured).pid)
    ran = leakcheck.finish(running)
    # THEN its measured process is gone too, and another worker has measured it, which is told
    assert [result.id for result in ran.document.results] == ["first", "slow"]
    assert [(one.verdict, one.gate, one.failure) for one in ran.document.results] == [
        (Verdict.CLEAN, Gate.WITHIN, None)
    ] * 2
    assert ran["slow"].measured_on is not None
    assert ran["slow"].measured_on.attempts == 2
    assert "slow: its worker was lost, so it was measured again from the start" in ran.output
    assert ran.code == ExitCode.WITHIN
    assert len(marks(leakcheck)) == 2
    assert not is_alive(measured)


ARMS = (
    MARKING
    + """
@scenario(variants=("before", "after"))
def one(variant):
    mark("one", variant)
    yield lambda: sum(range(1000))

@scenario(variants=("before", "after"))
def two(variant):
    mark("two", variant)
    yield lambda: sum(range(1000))
"""
)


@pytest.mark.slow
def test_both_arms_are_measured_again_by_another_worker_where_one_is_killed(fleet: Fleet, leakcheck: Leakcheck) -> None:
    # GIVEN a comparison whose second arm is measured
    leakcheck.write(
        "arms.py", ARMS.replace('mark("one", variant)', 'mark("one", variant, os.getpid()); time.sleep(0.5)')
    )
    running = leakcheck.start(
        *("compare", "arms.py", "-k", "one", "--variants", "before", "after", "--rounds", "1"),
        *("--executor", fleet.executor, "--output", str(leakcheck.output)),
        environment={"LEAKCHECK_CALLS": "200"},
    )
    wait_until(lambda: "after" in [mark[1] for mark in marks(leakcheck)], seconds=60)
    # WHEN its worker is killed
    kill(dask_worker_of(int(marks(leakcheck)[-1][2])).pid)
    ran = leakcheck.finish(running)
    # THEN the first arm was measured again too
    assert ran.code == ExitCode.WITHIN, ran.errors
    assert "measuring one, started again, because a worker was lost, on" in ran.errors
    arms = [mark[1] for mark in marks(leakcheck)]
    assert arms[-4:] == ["before"] * 2 + ["after"] * 2
    (folder,) = leakcheck.output.iterdir()
    elsewhere = [run_file.load(folder / f"{arm}-1.json").results[0].measured_on for arm in ("before", "after")]
    assert elsewhere[0] == elsewhere[1]
    assert elsewhere[0] is not None
    assert elsewhere[0].attempts == 2


def test_an_interrupted_comparison_keeps_the_scenarios_that_it_had(fleet: Fleet, leakcheck: Leakcheck) -> None:
    # GIVEN a comparison of two scenarios, of which one takes long
    leakcheck.write("arms.py", ARMS.replace("yield lambda: sum(range(1000))", "yield lambda: time.sleep(0.2)", 1))
    running = leakcheck.start(
        *("compare", "arms.py", "--variants", "before", "after", "--rounds", "1"),
        *("--executor", fleet.executor, "--output", str(leakcheck.output)),
        environment={"LEAKCHECK_CALLS": "200"},
    )
    wait_until(lambda: len(list(leakcheck.output.glob("*/*-1.json"))) == 2, seconds=60)
    # WHEN somebody presses Ctrl-C after the other was measured
    running.send_signal(signal.SIGINT)
    ran = leakcheck.finish(running)
    # THEN both arms of that are there
    assert ran.code == ExitCode.INTERRUPTED
    (folder,) = leakcheck.output.iterdir()
    runs = [run_file.load(folder / f"{arm}-1.json") for arm in ("before", "after")]
    assert [[result.id for result in run.results] for run in runs] == [["two[before]"], ["two[after]"]]
    assert not any(run.finished for run in runs)


def test_both_arms_of_a_scenario_are_measured_by_one_worker_in_turn(fleet: Fleet, leakcheck: Leakcheck) -> None:
    leakcheck.write("arms.py", ARMS)
    ran = leakcheck.finish(
        leakcheck.start(
            *("compare", "arms.py", "--variants", "before", "after", "--rounds", "2"),
            *("--executor", fleet.executor, "--output", str(leakcheck.output)),
            environment={"LEAKCHECK_CALLS": "200"},
        )
    )
    assert ran.code == ExitCode.WITHIN, ran.errors
    (folder,) = leakcheck.output.iterdir()
    runs = [run_file.load(folder / f"{arm}-{number}.json") for number in (1, 2) for arm in ("before", "after")]
    workers = {
        name: {
            one.measured_on.worker for run in runs for one in run.results if one.scenario == name and one.measured_on
        }
        for name in ("one", "two")
    }
    assert [len(of_it) for of_it in workers.values()] == [1, 1]
    for name in ("one", "two"):
        # each is set up for its growth, and again for its peak
        arms = [arm for word, arm in marks(leakcheck) if word == name]
        assert arms == ["before"] * 2 + ["after"] * 4 + ["before"] * 2


def test_an_interrupted_run_keeps_what_it_had_and_leaves_nothing_running(fleet: Fleet, leakcheck: Leakcheck) -> None:
    # GIVEN one that is measured, and one that would take long
    leakcheck.write("slow.py", SLOW)
    said = ("run", "slow.py", "--no-peak", "--explain=never", "--no-report", f"--output={leakcheck.output}")
    running = leakcheck.start(*said, "--executor", fleet.executor)
    measured = slow_pid(leakcheck)
    office = psutil.Process(measured).parent()
    # WHEN somebody presses Ctrl-C
    running.send_signal(signal.SIGINT)
    ran = leakcheck.finish(running)
    # THEN
    assert ran.code == ExitCode.INTERRUPTED
    assert [result.id for result in ran.document.results] == ["first"]
    assert not ran.document.finished
    assert office is not None
    wait_until(lambda: not is_alive(measured) and not is_alive(office.pid), seconds=30)


def test_a_project_is_replayed_on_a_cluster(fleet: Fleet, leakcheck: Leakcheck) -> None:
    copy_of("shop", leakcheck)
    ran = replay(leakcheck, "django", "GET:/", "--calls", "200", "--executor", fleet.executor)
    assert ran.result.measured_on is not None, ran.errors
    assert ran.result.failure is None


def test_what_fits_no_worker_is_told_and_the_others_are_measured(fleet: Fleet, leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("huge.py", HEALTHY.replace("@scenario", '@scenario(memory="1000 GiB")').replace("healthy", "huge"))
    ran = leakcheck.run(".", "--executor", fleet.executor, "--calls", "200")
    assert_healthy_was_measured(ran)
    assert ran["huge"].gate is Gate.ERROR
    assert ran["huge"].failure is not None
    assert ran["huge"].failure.message == (
        f"no worker of {fleet.address} has the 1 core and 1,000 GiB of memory that it needs: the largest has cores=1 "
        f"and 3.73 GiB; start one with `dask worker {fleet.address} --nthreads 1 --resources "
        '"cores=1 memory=1073741824000"`, or declare less with memory= in its @scenario'
    )
    assert ran.code == ExitCode.SCENARIO_FAILED


KILLER = (
    MARKING
    + """
import signal

def grandparent():
    parent = open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1]
    return int(parent)

@scenario
def killer():
    mark("killer", os.getpid())
    os.kill(grandparent(), signal.SIGKILL)
    time.sleep(60)
"""
)


@pytest.mark.slow
def test_what_kills_each_of_its_workers_is_in_trouble_and_nothing_else_is(lone: Fleet, leakcheck: Leakcheck) -> None:
    # GIVEN a cluster whose workers are started again when they die, and a scenario that kills them
    lone.start_worker(nanny=True)
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("killer.py", KILLER)
    # WHEN it is measured beside another
    ran = leakcheck.run(".", "--executor", lone.executor, "--calls", "200")
    # THEN
    assert_healthy_was_measured(ran)
    assert "killer: every worker that measured it was lost (" in ran.output
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_a_cluster_that_cannot_be_used_says_why_and_what_to_do(
    lone: Fleet, leakcheck: Leakcheck, tmp_path: Path
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    # GIVEN a worker that declares nothing
    silent = lone.start_worker(resources=None)
    ran = leakcheck.run("healthy.py", "--executor", lone.executor)
    assert "the cluster has no worker that declares its cores and memory; start each with: dask worker" in ran.errors
    assert ran.code == ExitCode.USAGE
    lone.stop(silent)
    # GIVEN one with another leakcheck
    other = tmp_path / "other" / "leakcheck"
    shutil.copytree(Path(package.__file__).parent, other, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "_version.py").write_text('__version__ = "0.0.1"\n')
    lone.start_worker(environment={"PYTHONPATH": str(other.parent)})
    ran = leakcheck.run("healthy.py", "--executor", lone.executor)
    assert (
        f"cannot measure this: leakcheck: {package.__version__}, 0.0.1. All workers need the same files" in ran.errors
    )
    assert ran.code == ExitCode.USAGE


def test_a_scheduler_that_dies_in_the_middle_costs_only_what_was_under_way(lone: Fleet, leakcheck: Leakcheck) -> None:
    lone.start_worker()
    leakcheck.write("slow.py", SLOW)
    said = ("run", "slow.py", "--no-peak", "--explain=never", "--no-report", f"--output={leakcheck.output}")
    running = leakcheck.start(*said, "--executor", lone.executor)
    measured = slow_pid(leakcheck)
    # WHEN
    kill(lone.scheduler.pid)
    ran = leakcheck.finish(running)
    # THEN
    assert "the connection to the scheduler was lost; results until then are kept" in ran.errors
    assert "Traceback" not in ran.errors
    assert [result.id for result in ran.document.results] == ["first"]
    assert not ran.document.finished
    assert ran.code == ExitCode.SCENARIO_FAILED
    wait_until(lambda: not is_alive(measured), seconds=60)


def test_a_scheduler_that_cannot_be_reached_is_told_soon(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        executor = f"dask:tcp://127.0.0.1:{taken.getsockname()[1]}"
        ran = leakcheck.run("healthy.py", "--executor", executor)
    assert f"--executor {executor}: no answer from the scheduler within 5 s" in ran.errors
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.USAGE
