"""Start a measured process, exchange messages with it, and survive whatever its code does.

The process may write megabytes, close every descriptor, fork, hang, die or take all memory. So one loop waits for the
answer, drains the output, and checks the clock, the memory and whether the process is alive. All processes that it has
started end with the measurement.
"""

import errno
import math
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, Self

from leakcheck.config.settings import Settings
from leakcheck.model.child_processes import ChildrenReading
from leakcheck.model.errors import UsageError
from leakcheck.model.failure import Failure, FailureKind, MeasurementStopped, WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.result import DjangoFacts
from leakcheck.model.setup_stages import START, SetupStages, describe_stage, is_busy, not_replayable_message
from leakcheck.model.units import format_duration, format_size
from leakcheck.probe.process_environment import without_thread_caches
from leakcheck.runner.answer_decoding import decode, decode_failure, decode_field
from leakcheck.runner.channel import RunnerChannel, listen_in
from leakcheck.runner.child_process import ChildProcess
from leakcheck.runner.machine import free_bytes
from leakcheck.runner.process_tree import MARK, ProcessTree
from leakcheck.runner.process_usage import effort_of
from leakcheck.runner.temporary_folders import TemporaryFolder

_PROGRAM = str(Path(__file__).resolve().parents[1] / "worker" / "__main__.py")
"""Started by its path, so that an interpreter without leakcheck can run it."""

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_NO_PYTHON = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.EISDIR, errno.ELOOP)
MEMORY_SHARE = 0.8
"""Measured processes may take this share of the memory that was free when they started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """The interpreter and the limits of a measured process."""

    python: str = sys.executable
    timeout_seconds: float = 60.0
    memory_limit_bytes: float | None = None
    """None for `MEMORY_SHARE` of what is free when the process starts."""
    memory_limit_from: str = "--max-memory"
    """The setting to raise, for the message of a process that exceeded the limit."""
    command: tuple[str, ...] = ()
    """Started instead of a plain worker, with the socket's path added: a pytest that runs up to one test's body."""
    setup_seconds: float = 0.0
    """How long its set-up may take beyond the timeout: it imports a project and makes a database."""
    stages: SetupStages = field(default_factory=SetupStages)
    """The stages of its set-up, where the process reports them: each has its own timeout."""
    stop: Event = field(default_factory=Event)
    """Once set, a measurement that is under way raises MeasurementStopped."""


def worker_limits_of(
    settings: Settings, timeout_seconds: float | None = None, stop: Event | None = None
) -> WorkerLimits:
    """Return the interpreter and the limits of a measured process by these settings."""
    return WorkerLimits(
        python=settings.python or sys.executable,
        timeout_seconds=timeout_seconds or settings.timeout_seconds,
        memory_limit_bytes=settings.memory_limit_bytes,
        stop=stop or Event(),
    )


class WorkerProcess:
    """A process that runs one pass. Use it as a context manager: leaving ends the process."""

    def __init__(self, request: PassRequest, limits: WorkerLimits) -> None:
        self.continue_with(request, limits)
        self.cpu_seconds: float | None = None
        self.django: DjangoFacts | None = None
        """Facts about the user's Django, where the process has set it up."""
        self.response_statuses: object = ()
        """The status codes of its requests, as the process reported them: decode with `decode_status_counts`."""
        try:
            self._start_process()
        except OSError as error:
            if error.filename == limits.python and error.errno in _NO_PYTHON:
                message = f"{limits.python}: cannot be started ({error.strerror}); pass --python the path of a Python"
                raise UsageError(message) from error
            message = f"no process can be started ({error.strerror}); free some memory or disk space"
            raise WorkerFailed(Failure(kind=FailureKind.START, message=message)) from error

    def _start_process(self) -> None:
        with ExitStack() as stack:
            folder = TemporaryFolder(for_socket=True)
            stack.callback(folder.remove)
            self._channel = RunnerChannel(listen_in(folder.path))
            stack.callback(self._channel.close)
            self._tree = ProcessTree(mark := str(folder.path))
            environment = {"PYTHONHASHSEED": "0", **os.environ, MARK: mark}
            if self._request.kind is not Pass.LIMIT:  # the limit pass is to show what happens in production
                environment = without_thread_caches(environment)
            command = self._limits.command or (self._limits.python, _PROGRAM)
            self._process = ChildProcess([*command, self._channel.path], tree=self._tree, env=environment)
            stack.callback(self._process.end)
            self._process.read_output_in(self._channel.selector)
            self._resources = stack.pop_all()

    def continue_with(self, request: PassRequest, limits: WorkerLimits) -> Self:
        """Return this process with another request, which `start` sends; it has collected a file so far."""
        self._request, self._limits = request, limits
        self._memory_limit = limits.memory_limit_bytes or free_bytes() * MEMORY_SHARE
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """End the process and all that it has started; a second call does nothing."""
        self._resources.close()

    def children(self) -> ChildrenReading:
        """Return the memory of the running processes that the measured one has started."""
        return self._tree.reading()

    def start(self) -> dict[str, Any]:
        """Send the request and return the first answer. Raises WorkerFailed where there is none."""
        deadline = time.monotonic() + self._limits.timeout_seconds
        while not self._channel.is_connected:
            self._wait(deadline, "start-up")
        message = {"request": asdict(self._request)}
        if not self._limits.stages.seconds:
            return self.ask(message, during="set-up", extra_seconds=self._limits.setup_seconds)
        self._channel.send(message)
        return first_answer(self, self._limits.stages, self._limits.timeout_seconds + self._limits.setup_seconds)

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a message and return the answer. `during` names the activity in an error.

        Raises WorkerFailed when the user's code fails, or the process ends, hangs or exceeds its memory limit.
        `extra_seconds` is the time that the work is expected to take, beyond the timeout.
        """
        self._channel.send(message)
        return self.listen(during=during, extra_seconds=extra_seconds)

    def has_message_within(self, seconds: float, during: str) -> bool:
        """Wait for a message; return whether one has come. Raises WorkerFailed where the process ends."""
        end = time.monotonic() + seconds
        while not self._channel.messages and time.monotonic() < end:
            self._wait(math.inf, during)
        return bool(self._channel.messages)

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message, as `ask` does, without sending one."""
        deadline = time.monotonic() + self._limits.timeout_seconds + extra_seconds
        while not self._channel.messages:
            self._wait(deadline, during)
        answer = self._checked(self._channel.messages.popleft())
        self._check_memory(during, answer)
        return answer

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer. Raises WorkerFailed where it reports a failure, or something else wrote to the socket."""
        self._channel.raise_if_corrupt()
        if answer["kind"] == "failure":
            failure = self._with_output(decode_failure(answer))
            raise WorkerFailed(failure, answer.get("block"), answer.get("response_statuses", ()))
        return answer

    @property
    def pid(self) -> int:
        """Return the pid of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.is_alive

    def received(self) -> list[dict[str, Any]]:
        """Return the messages that have come so far, without waiting. Raises WorkerFailed where it has ended."""
        self._channel.receive_rest()
        if not self.is_alive and not self._channel.messages:
            raise WorkerFailed(self._death("serving"))
        answers = [self._checked(answer) for answer in self._channel.messages]
        self._channel.messages.clear()
        return answers

    def finish(self) -> None:
        """Tear the scenario down and let the process end. Raises WorkerFailed where the tear-down fails."""
        answer = self.ask({"kind": "finish"}, during="tear-down")
        self.cpu_seconds = decode_field(answer, "cpu_seconds", float)
        django = answer.get("django")
        self.django = None if django is None else decode(django, DjangoFacts)
        self.response_statuses = answer.get("response_statuses", ())

    def _with_output(self, failure: Failure) -> Failure:
        """Return a failure without a traceback with the output instead: a framework logs the exceptions it catches."""
        if failure.kind is not FailureKind.RAISED or failure.details:
            return failure
        self._channel.receive_rest()
        return replace(failure, details=self._process.output_tail())

    def let_end(self) -> None:
        """Wait until the process has torn the scenario down by itself, whether or not this succeeds."""
        with suppress(WorkerFailed):
            self.listen(during="tear-down")

    def _wait(self, deadline: float, during: str) -> None:
        """Receive for a moment. Raises WorkerFailed when no answer can come any more, and MeasurementStopped."""
        if self._limits.stop.is_set():
            raise MeasurementStopped
        self._channel.receive(_POLL_SECONDS)
        self._channel.raise_if_corrupt()
        if self._channel.messages:
            return
        if not self.is_alive:
            self._channel.receive_rest()
            if not self._channel.messages:
                raise WorkerFailed(self._death(during))
        elif time.monotonic() > deadline:
            limit = format_duration(self._limits.timeout_seconds)
            message = f"{during} ran past {limit}; raise --timeout, or make one call smaller"
            raise WorkerFailed(self.fail(FailureKind.HUNG, message))
        self._check_memory(during)

    def _check_memory(self, during: str, answer: Mapping[str, Any] | None = None) -> None:
        """End a process that exceeded its limit, even for a moment: the result must not depend on when this looks."""
        excess = self._tree.where_above(self._memory_limit, {} if answer is None else answer)
        if excess is None:
            return
        self._process.kill()
        limit = format_size(self._memory_limit)
        remedy = f"raise {self._limits.memory_limit_from} if it needs more"
        message = f"{during} used more than {limit} of memory{excess} and was killed; {remedy}"
        raise WorkerFailed(Failure(kind=FailureKind.MEMORY, message=message))

    def _death(self, during: str) -> Failure:
        """Return the failure of a process that ended by itself, with the end of its output."""
        message = f"during {during}, the process {self._process.describe_end()}"
        return Failure(kind=FailureKind.DIED, message=message, details=self._process.output_tail())

    def fail(self, kind: FailureKind, message: str) -> Failure:
        """Abort a hanging process, and return the failure; faulthandler then writes its stack."""
        self._tree.signal(signal.SIGABRT)
        self._process.signal(signal.SIGABRT)
        end = time.monotonic() + _GRACE_SECONDS
        while self.is_alive and time.monotonic() < end:
            self._channel.receive(_POLL_SECONDS)
        self._channel.receive_rest()
        return Failure(kind=kind, message=message, details=self._process.output_tail())


def first_answer(process: WorkerProcess, stages: SetupStages, most_seconds: float) -> dict[str, Any]:
    """Return the first answer after a set-up that reports its stages. Raises WorkerFailed, also for one without end.

    A stage may wait forever, as for a lock that the test process holds.
    """
    end = time.monotonic() + most_seconds
    stages.latest = START
    while True:
        if not _stage_ends(process, stages, end):
            took, waited = stages.seconds.get(stages.latest), stages.longest_wait_seconds() or most_seconds
            in_test_process = "" if took is None else f" ({format_duration(took)} in this session)"
            reason = f"{describe_stage(stages.latest)} did not end within {format_duration(waited)}{in_test_process}"
            raise WorkerFailed(process.fail(FailureKind.UNREACHED, not_replayable_message(reason)))
        answer = process.listen(during="set-up")
        if answer.get("kind") != "stage":
            return answer
        stages.latest = str(answer.get("stage"))


def _stage_ends(process: WorkerProcess, stages: SetupStages, end: float) -> bool:
    """Wait for the end of a stage, longer for one that works and does not only wait; return whether it has come."""
    while (left := end - time.monotonic()) > 0:
        seconds = min(left, stages.longest_wait_seconds() or left)
        before = effort_of(process.pid)
        if process.has_message_within(seconds, "set-up"):
            return True
        now = effort_of(process.pid)
        if not is_busy(now.busy_seconds - before.busy_seconds, now.new_pages - before.new_pages, seconds):
            return False
    return False
