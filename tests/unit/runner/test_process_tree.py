"""Which processes descend from a measured one, and signals that reach nobody else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from leakcheck.runner.process_table import ProcessId, children_of, is_alive, outlasts_signals, send, status_of
from leakcheck.runner.process_tree import LEFT_RUNNING, MARK, ProcessTree
from leakcheck.runner.process_usage import pages_of

SLEEP = "import time; time.sleep(3600)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", {SLEEP!r}], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


@contextmanager
def started(program: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def this_one(pid: int) -> ProcessId:
    status = status_of(pid)
    assert status is not None
    return status.process


@pytest.fixture
def mark() -> Iterator[str]:
    yield (name := f"/nowhere/{os.getpid()}")
    ProcessTree(name).forget()


def test_a_child_in_a_session_of_its_own_is_found_and_ended_with_its_parent(mark: str) -> None:
    with started(PARENT) as parent:
        child = this_one(int(first_line(parent)))
        below = ProcessTree(mark)
        below.born(parent.pid)
        assert below.living() == [child]
        below.end()
        assert not is_alive(child)
        assert parent.wait() == -signal.SIGKILL


def test_a_child_whose_parent_has_ended_is_still_known(mark: str) -> None:
    with started(PARENT) as parent:
        child = this_one(int(first_line(parent)))
        below = ProcessTree(mark)
        below.born(parent.pid)
        assert below.living() == [child]
        parent.kill()
        parent.wait()
        assert below.living() == [child]
        below.end()
        assert not is_alive(child)


def test_an_orphan_that_nobody_saw_before_is_known_by_its_variable(mark: str) -> None:
    # GIVEN a process of this mark, and one of another, whose parents have ended
    below = ProcessTree(mark)
    with started(PARENT, **{MARK: mark}) as parent, started(PARENT, **{MARK: f"{mark}-other"}) as other:
        below.born(parent.pid)
        children = [this_one(int(first_line(process))) for process in (parent, other)]
        for process in (parent, other):
            process.kill()
            process.wait()
        try:
            # THEN the one is found, and the other is left alone
            assert below.living() == children[:1]
            below.end()
            assert [is_alive(child) for child in children] == [False, True]
        finally:
            send(children[1], signal.SIGKILL)


def test_what_is_to_be_left_running_is_neither_measured_nor_ended(mark: str) -> None:
    with started(PARENT, **{LEFT_RUNNING: "1"}) as parent:
        child = this_one(int(first_line(parent)))
        below = ProcessTree(mark)
        below.born(parent.pid)
        try:
            assert below.living() == []
            below.end()
            assert is_alive(child)
        finally:
            send(child, signal.SIGKILL)


def test_a_child_counts_from_the_second_reading_on(mark: str) -> None:
    """One that ends with the call that started it is no child that lives on."""
    with started(PARENT) as parent:
        first_line(parent)
        below = ProcessTree(mark)
        below.born(parent.pid)
        first, second = below.reading(), below.reading()
        assert (first.processes, second.processes) == (0, 1)
        assert second.held_bytes > 100_000
        assert second.unmeasured == 0
        below.end()


def test_a_limit_is_held_to_by_all_together(mark: str) -> None:
    with started(PARENT) as parent:
        child = int(first_line(parent))
        below = ProcessTree(mark)
        below.born(parent.pid)
        own, theirs = pages_of(parent.pid), pages_of(child)
        assert own is not None
        assert theirs is not None
        both = own.private_bytes + theirs.private_bytes
        assert below.where_above(1e12, {}) is None
        assert below.where_above(both / 1e6, {}) == ""
        count, taken = below.together(own.private_bytes, 1.0)
        assert count == 1
        assert taken >= theirs.private_bytes
        below.end()


@pytest.mark.parametrize(("said", "where"), [(10**13, ", in a child process,"), (10, None), ("10", None), (None, None)])
def test_a_child_that_took_too_much_and_has_ended_is_told_by_its_parent(mark: str, said: object, where: str) -> None:
    with started(SLEEP) as parent:
        below = ProcessTree(mark)
        below.born(parent.pid)
        assert below.where_above(1e12, {"largest_child_bytes": said}) == where


def test_a_pid_that_another_process_has_by_now_is_not_signalled() -> None:
    with started(SLEEP) as process:
        send(ProcessId(process.pid, this_one(process.pid).start - 1), signal.SIGKILL)
        assert process.poll() is None
        send(this_one(process.pid), signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_who_tidies_up_after_others_is_told_by_the_signals_that_it_ignores() -> None:
    ignoring = (
        "import signal; [signal.signal(number, signal.SIG_IGN) for number in ({})]; print(1, flush=True); " + SLEEP
    )
    with (
        started(ignoring.format("signal.SIGINT, signal.SIGTERM")) as tracker,
        started(ignoring.format("signal.SIGINT,")) as pool,
    ):
        first_line(tracker), first_line(pool)
        assert outlasts_signals(this_one(tracker.pid))
        assert not outlasts_signals(this_one(pool.pid))


def test_nothing_is_below_a_process_that_has_started_nobody(mark: str) -> None:
    with started(SLEEP) as process:
        below = ProcessTree(mark)
        below.born(process.pid)
        assert children_of(process.pid) == []
        assert below.living() == []
        below.end()
        assert process.poll() is None
