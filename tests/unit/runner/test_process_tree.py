"""The descendants of a measured process, and signals that reach no other process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from leakcheck.runner import process_tree
from leakcheck.runner.process_table import ProcessId, children_of, is_alive, outlasts_signals, send, status_of
from leakcheck.runner.process_tree import LEFT_RUNNING, MARK, ProcessTree
from leakcheck.runner.process_usage import pages_of

SLEEP = "import time; time.sleep(3600)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-S", "-c", {f"print(flush=True); {SLEEP}"!r}], stdout=subprocess.PIPE, start_new_session=True
)
child.stdout.readline()  # a process that has just been started holds next to nothing
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


def process_id(pid: int) -> ProcessId:
    status = status_of(pid)
    assert status is not None
    return status.process


@pytest.fixture
def mark() -> Iterator[str]:
    yield (name := f"/nowhere/{os.getpid()}")
    ProcessTree(name).forget()


def test_a_child_in_a_session_of_its_own_is_found_and_ended_with_its_parent(mark: str) -> None:
    with started(PARENT) as parent:
        child = process_id(int(first_line(parent)))
        tree = ProcessTree(mark)
        tree.set_root(parent.pid)
        assert tree.living() == [child]
        tree.end()
        assert not is_alive(child)
        assert parent.wait() == -signal.SIGKILL


def test_a_child_whose_parent_has_ended_is_still_known(mark: str) -> None:
    with started(PARENT) as parent:
        child = process_id(int(first_line(parent)))
        tree = ProcessTree(mark)
        tree.set_root(parent.pid)
        assert tree.living() == [child]
        parent.kill()
        parent.wait()
        assert tree.living() == [child]
        tree.end()
        assert not is_alive(child)


def test_an_orphan_that_was_not_seen_before_is_recognized_by_its_variable(mark: str) -> None:
    # GIVEN a process with this mark, and one with another, whose parents have ended
    tree = ProcessTree(mark)
    with started(PARENT, **{MARK: mark}) as parent, started(PARENT, **{MARK: f"{mark}-other"}) as other:
        tree.set_root(parent.pid)
        children = [process_id(int(first_line(process))) for process in (parent, other)]
        for process in (parent, other):
            process.kill()
            process.wait()
        try:
            # THEN the first is found, and the other is left alone
            assert tree.living() == children[:1]
            tree.end()
            assert [is_alive(child) for child in children] == [False, True]
        finally:
            send(children[1], signal.SIGKILL)


def test_a_process_that_is_to_be_left_running_is_neither_measured_nor_ended(mark: str) -> None:
    with started(PARENT, **{LEFT_RUNNING: "1"}) as parent:
        child = process_id(int(first_line(parent)))
        tree = ProcessTree(mark)
        tree.set_root(parent.pid)
        try:
            assert tree.living() == []
            tree.end()
            assert is_alive(child)
        finally:
            send(child, signal.SIGKILL)


def test_a_child_counts_from_the_second_reading_on(mark: str) -> None:
    """A child that ends with the call that started it does not count."""
    with started(PARENT) as parent:
        first_line(parent)
        tree = ProcessTree(mark)
        tree.set_root(parent.pid)
        first, second = tree.reading(), tree.reading()
        assert (first.processes, second.processes) == (0, 1)
        assert second.held_bytes > 100_000
        assert second.unmeasured == 0
        tree.end()


def test_a_limit_applies_to_all_processes_together(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # on a busy machine a reading may be so slow that the next one is skipped
    monkeypatch.setattr(process_tree, "_CHEAP_SECONDS", 60.0)
    with started(PARENT) as parent:
        child = int(first_line(parent))
        tree = ProcessTree(mark)
        tree.set_root(parent.pid)
        own, of_child = pages_of(parent.pid), pages_of(child)
        assert own is not None
        assert of_child is not None
        both = own.private_bytes + of_child.private_bytes
        assert tree.where_above(1e12, {}) is None
        assert tree.where_above(both / 1e6, {}) == ""
        count, taken = tree.together(own.private_bytes, 1.0)
        assert count == 1
        assert taken >= of_child.private_bytes
        tree.end()


@pytest.mark.parametrize(
    ("reported", "excess"), [(10**13, ", in a child process,"), (10, None), ("10", None), (None, None)]
)
def test_an_ended_child_that_took_too_much_is_reported_by_its_parent(mark: str, reported: object, excess: str) -> None:
    with started(SLEEP) as parent:
        tree = ProcessTree(mark)
        tree.set_root(parent.pid)
        assert tree.where_above(1e12, {"largest_child_bytes": reported}) == excess


def test_a_pid_that_now_belongs_to_another_process_is_not_signalled() -> None:
    with started(SLEEP) as process:
        send(ProcessId(process.pid, process_id(process.pid).start - 1), signal.SIGKILL)
        assert process.poll() is None
        send(process_id(process.pid), signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_a_process_that_cleans_up_after_others_is_recognized_by_the_signals_that_it_ignores() -> None:
    ignoring = (
        "import signal; [signal.signal(number, signal.SIG_IGN) for number in ({})]; print(1, flush=True); " + SLEEP
    )
    with (
        started(ignoring.format("signal.SIGINT, signal.SIGTERM")) as tracker,
        started(ignoring.format("signal.SIGINT,")) as pool,
    ):
        first_line(tracker), first_line(pool)
        assert outlasts_signals(process_id(tracker.pid))
        assert not outlasts_signals(process_id(pool.pid))


def test_a_process_that_started_no_other_has_no_descendants(mark: str) -> None:
    with started(SLEEP) as process:
        tree = ProcessTree(mark)
        tree.set_root(process.pid)
        assert children_of(process.pid) == []
        assert tree.living() == []
        tree.end()
        assert process.poll() is None
