"""Start a measured process, exchange messages with it, and survive whatever its code does.

The process may write megabytes, close every descriptor, fork, hang, die or take all memory. So one loop waits for the
answer, drains the output, and checks the clock, the memory and whether the process is alive. All processes that it has
started end with the measurement.
"""

import errno
import math
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leakcheck.model.advice import DjangoFacts
from leakcheck.model.answers import Failure, FailureKind
from leakcheck.model.child_processes import ChildrenReading
from leakcheck.model.errors import UsageError
from leakcheck.model.failure import MeasurementStopped, WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.units import format_duration, format_size
from leakcheck.probe.process_environment import without_thread_caches
from leakcheck.runner.answer_decoding import decode, decode_failure, decode_field
from leakcheck.runner.machine import free_bytes
from leakcheck.runner.process_tree import MARK, ProcessTree
from leakcheck.runner.setup_wait import first_answer
from leakcheck.runner.worker_connection import WorkerConnection
from leakcheck.runner.worker_limits import WorkerLimits

_PROGRAM = str(Path(__file__).resolve().parents[1] / "worker" / "__main__.py")
"""Started by its path, so that an interpreter without leakcheck can run it."""

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_NO_PYTHON = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.EISDIR, errno.ELOOP)
MEMORY_SHARE = 0.8
"""Measured processes may take this share of the memory that was free when they started."""


class WorkerProcess:
    """A process that runs one pass. Use it as a context manager: leaving ends the process."""

    def __init__(self, request: PassRequest, limits: WorkerLimits) -> None:
        self._configure(request, limits)
        self.cpu_seconds: float | None = None
        self.django: DjangoFacts | None = None
        """Facts about the user's Django, where the process has set it up."""
        self.response_statuses: object = ()
        """The status codes of its requests, as the process reported them: decode with `answered_of`."""
        try:
            self._start_process(limits)
        except OSError as error:
            self._clean_up()
            if error.filename and error.errno in _NO_PYTHON:
                raise UsageError(f"{limits.python}: cannot be started as a Python ({error.strerror})") from error
            message = f"no process can be started to measure in ({error.strerror}); free some memory, or room on disk"
            raise WorkerFailed(Failure(kind=FailureKind.START, message=message)) from error

    def _start_process(self, limits: WorkerLimits) -> None:
        self._connection = WorkerConnection()
        self._tree = ProcessTree(mark := self._connection.folder)
        environment = {"PYTHONHASHSEED": "0", **os.environ, MARK: mark}
        if self._request.kind is not Pass.LIMIT:  # the limit pass is to show what happens in production
            environment = without_thread_caches(environment)
        self._process = subprocess.Popen(
            [*(limits.command or (limits.python, _PROGRAM)), self._connection.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._tree.set_root(self._process.pid)
        self._connection.read_output_of(self._process)

    def _configure(self, request: PassRequest, limits: WorkerLimits) -> None:
        self._request = request
        self._stop = limits.stop
        self._timeout_seconds = limits.timeout_seconds
        self._memory_limit = limits.memory_limit_bytes or free_bytes() * MEMORY_SHARE
        self._memory_limit_from = limits.memory_limit_from
        self._setup_seconds = limits.setup_seconds
        self._stages = limits.stages

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the process and all that it has started; a second call does nothing."""
        if self._connection.is_closed:
            return
        self._kill()
        self._process.wait()
        self._clean_up()

    def children(self) -> ChildrenReading:
        """Return the memory of the running processes that the measured one has started."""
        return self._tree.reading()

    def continue_with(self, request: PassRequest, limits: WorkerLimits) -> Self:
        """Return this process with another request, which `start` sends; it has collected a file so far."""
        self._configure(request, limits)
        return self

    def start(self) -> dict[str, Any]:
        """Send the request and return the first answer. Raises WorkerFailed where there is none."""
        deadline = time.monotonic() + self._timeout_seconds
        while not self._connection.is_connected:
            self._wait(deadline, "the start of the process")
        message = {"request": asdict(self._request)}
        if not self._stages.seconds:
            return self.ask(message, during="set-up", extra_seconds=self._setup_seconds)
        self._connection.send(message)
        return first_answer(self, self._stages, self._timeout_seconds + self._setup_seconds)

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a message and return the answer. `during` names the activity in an error.

        Raises WorkerFailed when the user's code fails, or the process ends, hangs or exceeds its memory limit.
        `extra_seconds` is the time that the work is expected to take, beyond the timeout.
        """
        self._connection.send(message)
        return self.listen(during=during, extra_seconds=extra_seconds)

    def has_message_within(self, seconds: float, during: str) -> bool:
        """Wait for a message; return whether one has come. Raises WorkerFailed where the process ends."""
        end = time.monotonic() + seconds
        while not self._connection.messages and time.monotonic() < end:
            self._wait(math.inf, during)
        return bool(self._connection.messages)

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message, as `ask` does, without sending one."""
        deadline = time.monotonic() + self._timeout_seconds + extra_seconds
        while not self._connection.messages:
            self._wait(deadline, during)
        answer = self._checked(self._connection.messages.popleft())
        self._check_memory(during, answer)
        return answer

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer. Raises WorkerFailed where it reports a failure, or something else wrote to the socket."""
        self._connection.raise_if_corrupt()
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
        return self._process.poll() is None

    def received(self) -> list[dict[str, Any]]:
        """Return the messages that have come so far, without waiting. Raises WorkerFailed where it has ended."""
        self._connection.receive_rest()
        if self._process.poll() is not None and not self._connection.messages:
            raise WorkerFailed(self._death("serving"))
        answers = [self._checked(answer) for answer in self._connection.messages]
        self._connection.messages.clear()
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
        self._connection.receive_rest()
        return replace(failure, details=self._connection.output_tail())

    def let_end(self) -> None:
        """Wait until the process has torn the scenario down by itself, whether or not this succeeds."""
        try:
            self.listen(during="tear-down")
        except WorkerFailed:
            pass

    def _wait(self, deadline: float, during: str) -> None:
        """Receive for a moment. Raises WorkerFailed when no answer can come any more, and MeasurementStopped."""
        if self._stop.is_set():
            raise MeasurementStopped
        self._connection.receive(_POLL_SECONDS)
        self._connection.raise_if_corrupt()
        if self._connection.messages:
            return
        if self._process.poll() is not None:
            self._connection.receive_rest()
            if not self._connection.messages:
                raise WorkerFailed(self._death(during))
        elif time.monotonic() > deadline:
            raise WorkerFailed(self._hang(during))
        self._check_memory(during)

    def _check_memory(self, during: str, answer: Mapping[str, Any] | None = None) -> None:
        """End a process that exceeded its limit, even for a moment: the result must not depend on when this looks."""
        excess = self._tree.where_above(self._memory_limit, {} if answer is None else answer)
        if excess is None:
            return
        self._kill()
        limit = format_size(self._memory_limit)
        remedy = f"raise {self._memory_limit_from} if that is meant"
        message = f"{during} took more than {limit} of memory{excess} and was ended; {remedy}"
        raise WorkerFailed(Failure(kind=FailureKind.MEMORY, message=message))

    def _death(self, during: str) -> Failure:
        """Return the failure of a process that ended by itself, from its return code and its output."""
        status = self._process.returncode
        how = _killed_by(-status) if status < 0 else f"exit status {status}, without a word to us"
        message = f"the process ended during {during}: {how}"
        return Failure(kind=FailureKind.DIED, message=message, details=self._connection.output_tail())

    def _hang(self, during: str) -> Failure:
        limit = format_duration(self._timeout_seconds)
        return self.fail(FailureKind.HUNG, f"{during} ran past {limit}; raise --timeout, or make one call smaller")

    def fail(self, kind: FailureKind, message: str) -> Failure:
        """Abort a hanging process, and return the failure; faulthandler then writes its stack."""
        self._tree.signal(signal.SIGABRT)
        self._process.send_signal(signal.SIGABRT)
        end = time.monotonic() + _GRACE_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            self._connection.receive(_POLL_SECONDS)
        self._connection.receive_rest()
        return Failure(kind=kind, message=message, details=self._connection.output_tail())

    def _kill(self) -> None:
        """End all processes: what the user's code has started must not outlive the measurement."""
        self._tree.end()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._tree.end()  # processes that were started meanwhile, and are orphans now

    def _clean_up(self) -> None:
        if (tree := getattr(self, "_tree", None)) is not None:
            tree.forget()
        if (connection := getattr(self, "_connection", None)) is not None:
            connection.close()


def _killed_by(number: int) -> str:
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
