"""Start a measured process, talk to it, and survive whatever its code does.

The process may write megabytes, close every descriptor, fork, hang, die or take all memory. So
one loop waits for the answer, drains what is written, looks at the clock, at the memory and at
whether the process still lives; and all that it has started ends with the measurement.
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
from leakcheck.model.answers import Failure
from leakcheck.model.child_processes import ChildrenReading
from leakcheck.model.errors import UsageError
from leakcheck.model.failure import MeasurementStopped, WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.units import format_duration, format_size
from leakcheck.probe.meters.thread_caches import without_thread_caches
from leakcheck.runner.answer_decoding import part, trouble_in, whole
from leakcheck.runner.machine import free_bytes
from leakcheck.runner.post_mortem import death
from leakcheck.runner.process_tree import MARK, ProcessTree
from leakcheck.runner.setup_wait import first_answer
from leakcheck.runner.worker_connection import WorkerConnection
from leakcheck.runner.worker_limits import WorkerLimits

_PROGRAM = str(Path(__file__).resolve().parents[1] / "worker" / "__main__.py")
"""Started by its path, so that an interpreter which has nothing of ours can run it."""

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_NO_PYTHON = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.EISDIR, errno.ELOOP)
MEMORY_SHARE = 0.8
"""Measured processes may take this share of what was free when they began."""


class WorkerProcess:
    """One interpreter doing one plan. Use it as a context manager: leaving ends the process."""

    def __init__(self, plan: PassRequest, surroundings: WorkerLimits) -> None:
        self._set(plan, surroundings)
        self.cpu_seconds: float | None = None
        self.django: DjangoFacts | None = None
        """What the user's Django says of itself, where its code has set one up."""
        self.answered: object = ()
        """What its requests were answered with, as it said."""
        try:
            self._begin(surroundings)
        except OSError as error:
            self._clean_up()
            if error.filename and error.errno in _NO_PYTHON:
                raise UsageError(f"{surroundings.python}: cannot be started as a Python ({error.strerror})") from error
            message = f"no process can be started to measure in ({error.strerror}); free some memory, or room on disk"
            raise WorkerFailed(Failure(kind="start", message=message)) from error

    def _begin(self, surroundings: WorkerLimits) -> None:
        self._hearing = WorkerConnection()
        self._descendants = ProcessTree(mark := self._hearing.folder)
        environment = {"PYTHONHASHSEED": "0", **os.environ, MARK: mark}
        if self._plan.work is not Pass.LIMIT:  # which asks what happens in production
            environment = without_thread_caches(environment)
        self._process = subprocess.Popen(
            [*(surroundings.command or (surroundings.python, _PROGRAM)), self._hearing.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._descendants.born(self._process.pid)
        self._hearing.follow(self._process)

    def _set(self, plan: PassRequest, surroundings: WorkerLimits) -> None:
        self._plan = plan
        self._stop = surroundings.stop
        self._timeout_seconds = surroundings.timeout_seconds
        self._memory_limit = surroundings.memory_limit_bytes or free_bytes() * MEMORY_SHARE
        self._memory_limit_from = surroundings.memory_limit_from
        self._setup_seconds = surroundings.setup_seconds
        self._stages = surroundings.stages

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the process and all that it has started; who does so twice ends nothing else."""
        if self._hearing.is_closed:
            return
        self._kill()
        self._process.wait()
        self._clean_up()

    def children(self) -> ChildrenReading:
        """Return what the processes take that the measured one has started, and that run now."""
        return self._descendants.reading()

    def go_on(self, plan: PassRequest, surroundings: WorkerLimits) -> Self:
        """Return this process with another plan, for one that has described a file; it is `start`ed anew."""
        self._set(plan, surroundings)
        return self

    def start(self) -> dict[str, Any]:
        """Send the plan and return the first answer. Raises WorkerFailed where there is none."""
        deadline = time.monotonic() + self._timeout_seconds
        while not self._hearing.is_connected:
            self._turn(deadline, "the start of the process")
        plan = {"plan": asdict(self._plan)}
        if not self._stages.seconds:
            return self.ask(plan, during="set-up", extra_seconds=self._setup_seconds)
        self._hearing.say(plan)
        return first_answer(self, self._stages, self._timeout_seconds + self._setup_seconds)

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a message and return the answer. `during` says in an error what was going on.

        Raises WorkerFailed when the user's code fails or the process ends, hangs or grows past its
        memory limit. `extra_seconds` is what the work is expected to take beyond one step's timeout.
        """
        self._hearing.say(message)
        return self.listen(during=during, extra_seconds=extra_seconds)

    def speaks_within(self, seconds: float, during: str) -> bool:
        """Wait for a message; tell whether there is one. Raises WorkerFailed where the process ends."""
        end = time.monotonic() + seconds
        while not self._hearing.messages and time.monotonic() < end:
            self._turn(math.inf, during)
        return bool(self._hearing.messages)

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message, as `ask` does, without sending one."""
        deadline = time.monotonic() + self._timeout_seconds + extra_seconds
        while not self._hearing.messages:
            self._turn(deadline, during)
        answer = self._checked(self._hearing.messages.popleft())
        self._look_at_memory(during, answer)
        return answer

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer. Raises WorkerFailed where it is the process's trouble, or not all of it is ours."""
        self._hearing.refuse_what_is_not_ours()
        if answer["kind"] == "trouble":
            trouble = self._with_what_was_written(trouble_in(answer))
            raise WorkerFailed(trouble, answer.get("block"), answer.get("answered", ()))
        return answer

    @property
    def pid(self) -> int:
        """Return the process's number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def heard(self) -> list[dict[str, Any]]:
        """Return what it said unasked so far. Raises WorkerFailed where it has ended."""
        self._hearing.take_in_the_rest()
        if self._process.poll() is not None and not self._hearing.messages:
            raise WorkerFailed(death(self._process.returncode, "serving", self._hearing.tail))
        answers = [self._checked(answer) for answer in self._hearing.messages]
        self._hearing.messages.clear()
        return answers

    def finish(self) -> None:
        """Tear the scenario down and let the process end. Raises WorkerFailed where that fails."""
        answer = self.ask({"kind": "finish"}, during="tear-down")
        self.cpu_seconds = part(answer, "cpu_seconds", float)
        django = answer.get("django")
        self.django = None if django is None else whole(django, DjangoFacts)
        self.answered = answer.get("answered", ())

    def _with_what_was_written(self, trouble: Failure) -> Failure:
        """Return a trouble that has no traceback with what was written instead: a framework logs what it catches."""
        if trouble.kind != "raised" or trouble.details:
            return trouble
        self._hearing.take_in_the_rest()
        return replace(trouble, details=self._hearing.written())

    def let_end(self) -> None:
        """Wait until the process has torn the scenario down by itself, whatever comes of it."""
        try:
            self.listen(during="tear-down")
        except WorkerFailed:
            pass

    def _turn(self, deadline: float, during: str) -> None:
        """Take in what has come; raise WorkerFailed when nothing good can come any more."""
        if self._stop.is_set():
            raise MeasurementStopped
        self._hearing.take_in(_POLL_SECONDS)
        self._hearing.refuse_what_is_not_ours()
        if self._hearing.messages:
            return
        if self._process.poll() is not None:
            self._hearing.take_in_the_rest()
            if not self._hearing.messages:
                raise WorkerFailed(death(self._process.returncode, during, self._hearing.tail))
        elif time.monotonic() > deadline:
            raise WorkerFailed(self._hang(during))
        self._look_at_memory(during)

    def _look_at_memory(self, during: str, answer: Mapping[str, Any] | None = None) -> None:
        """End a process that took too much, for a moment even: what is found must not hang on when we look."""
        where = self._descendants.where_above(self._memory_limit, {} if answer is None else answer)
        if where is None:
            return
        self._kill()
        limit = format_size(self._memory_limit)
        remedy = f"raise {self._memory_limit_from} if that is meant"
        message = f"{during} took more than {limit} of memory{where} and was ended; {remedy}"
        raise WorkerFailed(Failure(kind="memory", message=message))

    def _hang(self, during: str) -> Failure:
        limit = format_duration(self._timeout_seconds)
        return self.fail("hung", f"{during} ran past {limit}; raise --timeout, or make one call smaller")

    def fail(self, kind: str, message: str) -> Failure:
        """End a hanging process, and return the trouble; the abort makes faulthandler write where it was."""
        self._descendants.signal(signal.SIGABRT)
        self._process.send_signal(signal.SIGABRT)
        end = time.monotonic() + _GRACE_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            self._hearing.take_in(_POLL_SECONDS)
        self._hearing.take_in_the_rest()
        return Failure(kind=kind, message=message, details=self._hearing.written())

    def _kill(self) -> None:
        """End all there is: what the user's code has started must not outlive the measurement."""
        self._descendants.end()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._descendants.end()  # who was started meanwhile, and has lost its parent now

    def _clean_up(self) -> None:
        if (descendants := getattr(self, "_descendants", None)) is not None:
            descendants.forget()
        if (hearing := getattr(self, "_hearing", None)) is not None:
            hearing.close()
