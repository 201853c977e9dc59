"""How long to wait for the stages of a set-up, and the trouble of a process that never reaches the test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from leakcheck.model.failure import Failure, FailureKind, WorkerFailed
from leakcheck.model.setup_stages import (
    BODY,
    START,
    UNREACHED,
    SetupStages,
    describe_stage,
    fixture_stage,
    is_busy,
    is_shared,
    not_replayable_message,
)
from leakcheck.runner import worker_process
from leakcheck.runner.process_usage import ProcessEffort, effort_of

LOCK = fixture_stage("session", "tests", "lock")


def test_a_stage_may_take_four_times_as_long_as_here_and_five_seconds() -> None:
    stages = SetupStages(seconds={START: 0.0, LOCK: 2.0})
    assert stages.longest_wait_seconds() == 5.0
    stages.latest = LOCK
    assert stages.longest_wait_seconds() == 13.0
    stages.latest = "a stage that the session did not run"
    assert stages.longest_wait_seconds() is None


@pytest.mark.parametrize(
    ("busy_seconds", "new_pages", "expected"),
    [
        (0.01, 10, False),  # it polls and sleeps
        (0.15, 10, False),  # it polls with short sleeps
        (5.0, 60, False),  # it polls without sleeping
        (0.45, 5000, False),  # it is woken up now and then
        (0.55, 110, True),
        (2.5, 20_000, True),  # it migrates a database
    ],
)
def test_a_process_that_works_is_told_from_one_that_only_waits(
    busy_seconds: float, new_pages: int, expected: bool
) -> None:
    assert is_busy(busy_seconds, new_pages, 5.0) is expected


def test_a_fixture_is_called_by_its_name_and_scope() -> None:
    assert describe_stage(LOCK) == "the fixture lock (session)"
    assert (describe_stage(START), describe_stage(BODY)) == ("the start", "the set-up")
    assert is_shared(LOCK)
    assert not is_shared(fixture_stage("function", "tests/test_shop.py", "lock"))
    assert not is_shared(START)
    assert not is_shared(BODY)


class ScriptedProcess:
    """A process that sends the messages of a script; None is a timeout."""

    def __init__(self, *script: dict[str, Any] | None) -> None:
        self.pid = 1
        self.waits: list[float] = []
        self._script = list(script)

    def has_message_within(self, seconds: float, during: str) -> bool:
        """Record the timeout."""
        self.waits.append(round(seconds, 1))
        if self._script[0] is None:
            self._script.pop(0)
            return False
        return True

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message."""
        message = self._script.pop(0)
        assert message is not None
        return message

    def fail(self, kind: FailureKind, message: str) -> Failure:
        """Return the failure."""
        return Failure(kind=kind, message=message)


STAGES = {START: 0.5, BODY: 0.0, LOCK: 1.0}
READY = {"kind": "ready"}


def stage(name: str) -> dict[str, Any]:
    """Return the message of a stage."""
    return {"kind": "stage", "stage": name}


def first_answer(process: ScriptedProcess, stages: SetupStages, most_seconds: float) -> dict[str, Any]:
    """Return the first answer of a scripted process."""
    return worker_process.first_answer(cast("worker_process.WorkerProcess", process), stages, most_seconds)


@contextmanager
def efforts(monkeypatch: pytest.MonkeyPatch, *readings: ProcessEffort) -> Iterator[None]:
    """Have each reading of the process's effort return the next of these."""
    left = list(readings)
    monkeypatch.setattr(worker_process, "effort_of", lambda pid: left.pop(0) if left else ProcessEffort())
    yield


def test_each_stage_has_its_own_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    process = ScriptedProcess(stage(BODY), stage(LOCK), stage(BODY), READY)
    with efforts(monkeypatch):
        assert first_answer(process, SetupStages(seconds=STAGES), 300.0) == READY
    assert process.waits == [7.0, 5.0, 9.0, 5.0]


def test_the_trouble_of_a_stage_that_does_not_end_names_its_time_in_the_test_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = ScriptedProcess(stage(BODY), stage(LOCK), None)
    with efforts(monkeypatch), pytest.raises(WorkerFailed) as failed:
        first_answer(process, SetupStages(seconds=STAGES), 300.0)
    failure = failed.value.failure
    assert failure.kind == UNREACHED
    assert failure.message == not_replayable_message(
        "the fixture lock (session) did not end within 9.0 s (1.0 s in this session)"
    )
    assert failure.message.startswith("not replayable here")


def test_a_stage_that_works_is_waited_for_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    process = ScriptedProcess(stage(LOCK), None, None, READY)
    work = [ProcessEffort(busy_seconds=5.0 * number, new_pages=5000 * number) for number in range(6)]
    with efforts(monkeypatch, ProcessEffort(), *work):
        assert first_answer(process, SetupStages(seconds=STAGES), 300.0) == READY
    assert process.waits == [7.0, 9.0, 9.0, 9.0]


def test_no_stage_is_waited_for_longer_than_the_whole_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    process = ScriptedProcess(stage("unknown"), None)
    with efforts(monkeypatch), pytest.raises(WorkerFailed, match="did not end within"):
        first_answer(process, SetupStages(seconds=STAGES), 30.0)
    assert process.waits == [7.0, 30.0]


def test_the_effort_of_a_process_counts_its_cpu_time_and_new_pages() -> None:
    # GIVEN a process that works until it has touched forty megabytes, and then waits
    source = "x = bytearray(40_000_000); print(sum(x), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"0\n"
        effort = effort_of(process.pid)
        process.kill()
    assert effort.busy_seconds > 0.05
    assert effort.new_pages > 1000
    assert effort_of(process.pid) == ProcessEffort()
    assert effort_of(os.getpid()).new_pages > 0
