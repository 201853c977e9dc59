"""Start a measured process, talk to it, and survive whatever its code does.

The process may write megabytes, close every descriptor, fork, hang, die or take all memory. So
one loop waits for the answer, drains what is written, looks at the clock, at the memory and at
whether the process still lives; and all that it has started ends with the measurement.
"""

import errno
import json
import math
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leakcheck import worker as worker_package
from leakcheck.aftermath import death, last_words
from leakcheck.answered import part, trouble_in, whole
from leakcheck.descendants import MARK, Descendants
from leakcheck.errors import UsageError
from leakcheck.failures import Stopped as Stopped
from leakcheck.failures import WorkerFailed as WorkerFailed
from leakcheck.failures import interfered, misunderstood
from leakcheck.inbox import Inbox
from leakcheck.listening import Listener
from leakcheck.machine import free_bytes
from leakcheck.model import Trouble
from leakcheck.offspring import ChildrenReading
from leakcheck.plan import Plan
from leakcheck.staged import first_answer
from leakcheck.surroundings import Surroundings as Surroundings
from leakcheck.traps import DjangoFacts
from leakcheck.units import format_duration, format_size

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_TAIL_BYTES = 32_000
_NO_PYTHON = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.EISDIR, errno.ELOOP)
MEMORY_SHARE = 0.8
"""Measured processes may take this share of what was free when they began."""


class Worker:
    """One interpreter doing one plan. Use it as a context manager: leaving ends the process."""

    def __init__(self, plan: Plan, surroundings: Surroundings) -> None:
        self._set(plan, surroundings)
        self.cpu_seconds: float | None = None
        self.django: DjangoFacts | None = None
        """What the user's Django says of itself, where its code has set one up."""
        self._tail = bytearray()
        self._connection: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        try:
            self._begin(surroundings)
        except OSError as error:
            self._clean_up()
            if error.filename and error.errno in _NO_PYTHON:
                raise UsageError(f"{surroundings.python}: cannot be started as a Python ({error.strerror})") from error
            message = f"no process can be started to measure in ({error.strerror}); free some memory, or room on disk"
            raise WorkerFailed(Trouble(kind="start", message=message)) from error

    def _begin(self, surroundings: Surroundings) -> None:
        self._listener = Listener()
        self._inbox = Inbox(self._listener.token)
        self._selector.register(self._listener.socket, selectors.EVENT_READ, self._accept)
        self._descendants = Descendants(mark := self._listener.folder)
        # by its path, so that an interpreter which has nothing of ours can run it
        program = str(Path(worker_package.__file__).resolve().parent / "__main__.py")
        self._process = subprocess.Popen(
            [*(surroundings.command or (surroundings.python, program)), self._listener.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONHASHSEED": "0", **os.environ, MARK: mark},
            start_new_session=True,
        )
        self._descendants.born(self._process.pid)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, self._drain)

    def _set(self, plan: Plan, surroundings: Surroundings) -> None:
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
        if self._selector.get_map() is None:
            return
        self._kill()
        self._process.wait()
        self._clean_up()

    def children(self) -> ChildrenReading:
        """Return what the processes take that the measured one has started, and that run now."""
        return self._descendants.reading()

    def go_on(self, plan: Plan, surroundings: Surroundings) -> Self:
        """Return this process with another plan, for one that has described a file; it is `start`ed anew."""
        self._set(plan, surroundings)
        return self

    def start(self) -> dict[str, Any]:
        """Send the plan and return the first answer. Raises WorkerFailed where there is none."""
        deadline = time.monotonic() + self._timeout_seconds
        while self._connection is None:
            self._turn(deadline, "the start of the process")
        plan = {"plan": asdict(self._plan)}
        if not self._stages.seconds:
            return self.ask(plan, during="set-up", extra_seconds=self._setup_seconds)
        self._say(plan)
        return first_answer(self, self._stages, self._timeout_seconds + self._setup_seconds)

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a message and return the answer. `during` says in an error what was going on.

        Raises WorkerFailed when the user's code fails or the process ends, hangs or grows past its
        memory limit. `extra_seconds` is what the work is expected to take beyond one step's timeout.
        """
        self._say(message)
        return self.listen(during=during, extra_seconds=extra_seconds)

    def _say(self, message: Mapping[str, Any]) -> None:
        if self._connection is not None:
            try:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass  # it died; whoever listens finds out how

    def speaks_within(self, seconds: float, during: str) -> bool:
        """Wait for a message; tell whether there is one. Raises WorkerFailed where the process ends."""
        end = time.monotonic() + seconds
        while not self._inbox.messages and time.monotonic() < end:
            self._turn(math.inf, during)
        return bool(self._inbox.messages)

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message, as `ask` does, without sending one."""
        deadline = time.monotonic() + self._timeout_seconds + extra_seconds
        while not self._inbox.messages:
            self._turn(deadline, during)
        answer = self._checked(self._inbox.messages.popleft())
        self._look_at_memory(during, answer)
        return answer

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer. Raises WorkerFailed where it is the process's trouble, or not all of it is ours."""
        self._refuse_what_is_not_ours()
        if answer["kind"] == "trouble":
            raise WorkerFailed(self._with_what_was_written(trouble_in(answer)), answer.get("block"))
        return answer

    def _refuse_what_is_not_ours(self) -> None:
        if self._inbox.foreign:
            raise interfered(self._inbox.foreign)
        if self._inbox.broken:
            raise misunderstood(self._inbox.broken)

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
        self._take_in_the_rest()
        if self._process.poll() is not None and not self._inbox.messages:
            raise WorkerFailed(death(self._process.returncode, "serving", self._tail))
        answers = [self._checked(answer) for answer in self._inbox.messages]
        self._inbox.messages.clear()
        return answers

    def finish(self) -> None:
        """Tear the scenario down and let the process end. Raises WorkerFailed where that fails."""
        answer = self.ask({"kind": "finish"}, during="tear-down")
        self.cpu_seconds = part(answer, "cpu_seconds", float)
        django = answer.get("django")
        self.django = None if django is None else whole(django, DjangoFacts)

    def _with_what_was_written(self, trouble: Trouble) -> Trouble:
        """Return a trouble that has no traceback with what was written instead: a framework logs what it catches."""
        if trouble.kind != "raised" or trouble.details:
            return trouble
        self._take_in_the_rest()
        return replace(trouble, details=last_words(self._tail))

    def let_end(self) -> None:
        """Wait until the process has torn the scenario down by itself, whatever comes of it."""
        try:
            self.listen(during="tear-down")
        except WorkerFailed:
            pass

    def _turn(self, deadline: float, during: str) -> None:
        """Take in what has come; raise WorkerFailed when nothing good can come any more."""
        if self._stop.is_set():
            raise Stopped
        for key, _ in self._selector.select(_POLL_SECONDS):
            key.data(key.fileobj)
        self._refuse_what_is_not_ours()
        if self._inbox.messages:
            return
        if self._process.poll() is not None:
            self._take_in_the_rest()
            if not self._inbox.messages:
                raise WorkerFailed(death(self._process.returncode, during, self._tail))
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
        raise WorkerFailed(Trouble(kind="memory", message=message))

    def _accept(self, listener: Any) -> None:
        """Take the process's connection, also a second one after its code closed the first."""
        if self._connection is not None:
            self._read_the_rest(self._connection)
            self._forget(self._connection)
        self._connection, _ = listener.accept()
        self._inbox.forget_half()
        self._selector.register(self._connection, selectors.EVENT_READ, self._read)

    def _read_the_rest(self, connection: socket.socket) -> None:
        """Take in what was sent before the connection was closed: its last message may not have been read."""
        connection.setblocking(False)
        end = time.monotonic() + _GRACE_SECONDS
        try:
            while connection in self._selector.get_map() and time.monotonic() < end:
                self._read(connection)
        except BlockingIOError:
            pass  # a child may hold it open still

    def _read(self, connection: Any) -> None:
        try:
            data = connection.recv(1 << 20)
        except ConnectionResetError:
            data = b""  # it ended, and had not read all that we sent
        if not data:
            self._selector.unregister(connection)
            return
        self._inbox.feed(data)

    def _drain(self, pipe: Any) -> None:
        data = pipe.read1(1 << 20) or b""
        if not data:
            self._selector.unregister(pipe)
        self._tail = (self._tail + data)[-_TAIL_BYTES:]

    def _take_in_the_rest(self) -> None:
        # a child that outlives it may write to the same pipe without end
        end = time.monotonic() + _GRACE_SECONDS
        while (events := self._selector.select(0)) and time.monotonic() < end:
            for key, _ in events:
                key.data(key.fileobj)

    def _hang(self, during: str) -> Trouble:
        limit = format_duration(self._timeout_seconds)
        return self.fail("hung", f"{during} ran past {limit}; raise --timeout, or make one call smaller")

    def fail(self, kind: str, message: str) -> Trouble:
        """End a hanging process, and return the trouble; the abort makes faulthandler write where it was."""
        self._descendants.signal(signal.SIGABRT)
        self._process.send_signal(signal.SIGABRT)
        end = time.monotonic() + _GRACE_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            for key, _ in self._selector.select(_POLL_SECONDS):
                key.data(key.fileobj)
        self._take_in_the_rest()
        return Trouble(kind=kind, message=message, details=self._written())

    def _written(self) -> str:
        return last_words(self._tail)

    def _kill(self) -> None:
        """End all there is: what the user's code has started must not outlive the measurement."""
        self._descendants.end()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._descendants.end()  # who was started meanwhile, and has lost its parent now

    def _forget(self, connection: socket.socket) -> None:
        try:
            self._selector.unregister(connection)
        except KeyError:
            pass
        connection.close()

    def _clean_up(self) -> None:
        if self._connection is not None:
            self._forget(self._connection)
        self._selector.close()
        process = getattr(self, "_process", None)
        for pipe in (process.stdout, process.stderr) if process is not None else ():
            pipe.close()
        if (descendants := getattr(self, "_descendants", None)) is not None:
            descendants.forget()
        if (listener := getattr(self, "_listener", None)) is not None:
            listener.close()
