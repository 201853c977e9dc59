"""Child processes that live on: their memory is measured, limited, and all of them end with the measurement."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.result import Meter
from leakcheck.model.verdict import Gate, Verdict
from tests.live.beside import assert_failed, run_beside_healthy, wait_until
from tests.live.command import Leakcheck, Ran, is_alive

POOLS = """
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

from leakcheck import scenario

KEPT = []

def keep():
    KEPT.append(b"x" * 50_000)

def drop():
    return len(b"x" * 50_000)

@scenario
def forked():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        yield lambda: pool.apply(keep)

@scenario
def one_of_three():
    with ProcessPoolExecutor(1) as leaking, ProcessPoolExecutor(2) as healthy:
        yield lambda: (leaking.submit(keep).result(), healthy.submit(drop).result())

@scenario
def below_a_server():
    # a child of the forkserver's, which is our child
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        yield lambda: pool.submit(keep).result()

SERVER = '''
import sys
kept = []
for line in sys.stdin:
    kept.append("x" * 50_000)
    print(len(kept), flush=True)
'''

@scenario
def server():
    # started by a shell that waits for it
    command = ["sh", "-c", '"$0" -S -c "$1"; exit 0', sys.executable, SERVER]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask():
        print("next", file=process.stdin, flush=True)
        process.stdout.readline()

    yield ask
    process.stdin.close()
    process.wait()

@scenario
def healthy():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        yield lambda: pool.apply(drop)
"""


def test_memory_that_a_living_child_keeps_is_a_leak_whoever_started_it(leakcheck: Leakcheck) -> None:
    leakcheck.write("pools.py", POOLS)
    ran = leakcheck.run("pools.py", "-k", "not healthy", "--calls", "1500")
    for result in ran.document.results:
        assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.OVER), result.scenario
        assert result.growth is not None
        assert result.growth.meter is Meter.CHILDREN
        assert 49e6 < result.growth.bytes_per_1000_calls < 60e6
    assert len(ran.document.results) == 4
    assert ran.code == ExitCode.OVER_BUDGET


def test_a_pool_that_keeps_nothing_is_clean_and_is_told_to_have_been_measured(leakcheck: Leakcheck) -> None:
    leakcheck.write("pools.py", POOLS)
    ran = leakcheck.run("pools.py", "-k", "healthy")
    assert (ran.result.verdict, ran.result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert "2 child processes outlive the calls" in ran.output
    assert ran.code == ExitCode.WITHIN


FILLS = """
import os, time
from leakcheck import scenario

@scenario
def bad():
    if os.fork() == 0:
        filled = b"x" * (1 << 30)
        {then}
        os._exit(0)
    os.wait()
"""


@pytest.mark.parametrize("then", ["time.sleep(3600)", ""], ids=["and lives on", "and ends"])
def test_the_memory_limit_holds_for_children_too(leakcheck: Leakcheck, then: str) -> None:
    ran = run_beside_healthy(leakcheck, FILLS.format(then=then), "--max-memory", "300 MiB")
    assert_failed(ran, "raise --max-memory if it needs more")
    assert ran["bad"].failure is not None
    assert ran["bad"].failure.kind == "memory"


def test_the_memory_limit_is_one_for_all_processes_together(leakcheck: Leakcheck) -> None:
    # GIVEN four children that each keep within the limit
    bad = """
    import os, time
    from leakcheck import scenario

    @scenario
    def bad():
        for _ in range(4):
            if os.fork() == 0:
                filled = b"x" * (120 << 20)
                time.sleep(3600)
        time.sleep(3600)
    """
    ran = run_beside_healthy(leakcheck, bad, "--max-memory", "300 MiB")
    assert_failed(ran, "child processes, and was killed; raise --max-memory if it needs more")


def test_what_children_share_with_the_scenario_counts_once(leakcheck: Leakcheck) -> None:
    # GIVEN 100 MiB that eight children have, too, and do not write to
    shared = """
    import os, time
    from leakcheck import scenario

    @scenario
    def bad():
        filled = b"x" * (100 << 20)
        children = []
        for _ in range(8):
            children.append(os.fork())
            if not children[-1]:
                time.sleep(3600)
        yield lambda: time.sleep(0.01)
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    """
    ran = run_beside_healthy(leakcheck, shared, "--max-memory", "400 MiB", "--calls", "100")
    assert (ran["bad"].verdict, ran["bad"].failure) == (Verdict.CLEAN, None)


DAEMON = """
import os, pathlib, subprocess, sys, time
from leakcheck import scenario

def leave_group(child):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        pathlib.Path("daemon.txt").write_text(str(os.getpid()))
        child()
    os.wait()
    while not (pathlib.Path("daemon.txt").exists() and pathlib.Path("daemon.txt").read_text()):
        time.sleep(0.01)

@scenario
def bad():
    leave_group({child})
    yield {call}
"""
BARE = 'lambda: os.execve(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(3600)"], {})'


@pytest.mark.parametrize("child", ["lambda: time.sleep(3600)", BARE], ids=["forked", "without our variables"])
@pytest.mark.parametrize("call", ["lambda: None", "lambda: os.kill(os.getpid(), 9)"], ids=["to its end", "that dies"])
def test_a_daemon_does_not_outlive_the_measurement(leakcheck: Leakcheck, child: str, call: str) -> None:
    run_beside_healthy(leakcheck, DAEMON.format(child=child, call=call))
    assert not is_alive(int((leakcheck.folder / "daemon.txt").read_text()))


def test_a_daemon_that_is_to_be_left_running_outlives_the_measurement(leakcheck: Leakcheck) -> None:
    """A server that several passes share is its owner's affair."""
    child = BARE.replace("{}", '{"LEAKCHECK_LEAVE_RUNNING": "1"}')
    ran = run_beside_healthy(leakcheck, DAEMON.format(child=child, call="lambda: None"))
    daemon = int((leakcheck.folder / "daemon.txt").read_text())
    try:
        assert is_alive(daemon)
        assert ran["bad"].child_processes is None
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_semaphores_and_shared_memory_are_tidied_up_behind_processes_that_are_killed(leakcheck: Leakcheck) -> None:
    bad = """
    import multiprocessing, os, pathlib, time
    from multiprocessing import shared_memory
    from leakcheck import scenario

    CONTEXT = multiprocessing.get_context("spawn")

    @scenario
    def bad():
        lock, memory = CONTEXT.Lock(), shared_memory.SharedMemory(create=True, size=1 << 16)
        child = CONTEXT.Process(target=time.sleep, args=(3600,))
        child.start()
        pathlib.Path("names.txt").write_text(f"{lock._semlock.name} {memory.name}")
        time.sleep(3600)
        yield lambda: None
    """
    ran = run_beside_healthy(leakcheck, bad, "--timeout", "2")
    assert_failed(ran, "ran past 2.0 s")
    names = (leakcheck.folder / "names.txt").read_text().split()
    shared = Path("/dev/shm")
    assert len(names) == 2
    assert not [path for path in shared.iterdir() for name in names if name.lstrip("/") in path.name]


SLOW = """
import os, pathlib, subprocess, time
from leakcheck import scenario

@scenario
def slow():
    child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    pathlib.Path("child.part").write_text(str(child.pid))
    pathlib.Path("child.part").rename("child.txt")
    yield lambda: time.sleep(3600)
"""


def test_a_terminal_that_is_closed_ends_the_run_as_ctrl_c_does(leakcheck: Leakcheck) -> None:
    process, child, place = started_slow(leakcheck)
    process.send_signal(signal.SIGHUP)
    ran = leakcheck.finish(process)
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.errors
    assert not is_alive(child)
    assert list(place.iterdir()) == []


def test_what_a_killed_run_leaves_is_removed_by_the_next_one(leakcheck: Leakcheck) -> None:
    # GIVEN a run that was killed, which left folders and a process in a session of its own
    process, child, place = started_slow(leakcheck)
    process.kill()
    leakcheck.finish(process)
    assert list(place.iterdir()) != []
    assert is_alive(child)
    # WHEN another one is made
    leakcheck.write("healthy.py", "from leakcheck import scenario\n\n@scenario\ndef healthy():\n    pass\n")
    ran: Ran = leakcheck.finish(
        leakcheck.start("run", "healthy.py", "--no-peak", "--no-report", environment={"TMPDIR": str(place)})
    )
    # THEN nothing is left of either
    assert ran.code == ExitCode.WITHIN
    assert list(place.iterdir()) == []
    wait_until(lambda: not is_alive(child))


def started_slow(leakcheck: Leakcheck) -> "tuple[subprocess.Popen[str], int, Path]":
    """Return a run in the middle of a call, a process that it has started, and where its temporary folders lie."""
    leakcheck.write("slow.py", SLOW)
    place = leakcheck.folder / "temporary"
    place.mkdir()
    process = leakcheck.start(
        "run", "slow.py", "--no-peak", f"--output={leakcheck.output}", environment={"TMPDIR": str(place)}
    )
    written = leakcheck.folder / "child.txt"
    wait_until(written.exists)
    child = int(written.read_text())
    assert psutil.Process(child).name() == "sleep"
    return process, child, place
