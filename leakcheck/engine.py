"""Start a measured process, talk to it, and survive whatever its code does.

The process may write megabytes, close every descriptor, fork, hang, die or take all memory. So
one loop waits for the answer, drains what is written, looks at the clock, at the memory and at
whether the process still lives; and the whole process group ends with the measurement.
"""

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leakcheck import worker as worker_package
from leakcheck.aftermath import last_words, signal_name
from leakcheck.errors import UsageError
from leakcheck.inbox import Inbox
from leakcheck.machine import free_bytes
from leakcheck.model import Trouble
from leakcheck.plan import Plan
from leakcheck.process_memory import high_water_mark
from leakcheck.surroundings import Surroundings as Surroundings
from leakcheck.units import format_duration, format_size

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_TAIL_BYTES = 32_000
_LONGEST_SOCKET_PATH = 100
MEMORY_SHARE = 0.8
"""Measured processes may take this share of what was free when they began."""


class Stopped(Exception):
    """The measurement was told to stop; nothing is wrong with the scenario."""


class WorkerFailed(Exception):
    """The measured process gave no answer, or answered that the user's code failed."""

    def __init__(self, trouble: Trouble, block: Mapping[str, Any] | None = None, answered: object = ()) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble
        self.block = block
        """What had been read of the block that failed, where the process could still tell."""
        self.answered = answered


class Worker:
    """One interpreter doing one plan. Use it as a context manager: leaving ends the process."""

    def __init__(self, plan: Plan, surroundings: Surroundings) -> None:
        self._set(plan, surroundings)
        self.cpu_seconds: float | None = None
        self.django: Mapping[str, Any] | None = None
        """The fields of a DjangoFacts, where the user's code has set Django up."""
        self.answered: object = ()
        self._tail = bytearray()
        self._inbox = Inbox()
        self._connection: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._folder = Path(_make_socket_folder())
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = str(self._folder / "socket")
        self._listener.bind(path)
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        # by its path, so that an interpreter which has nothing of ours can run it
        program = str(Path(worker_package.__file__).resolve().parent / "__main__.py")
        try:
            self._process = subprocess.Popen(
                [*(surroundings.command or (surroundings.python, program)), path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PYTHONHASHSEED": "0", **os.environ},
                start_new_session=True,
            )
        except OSError as error:
            self._clean_up()
            raise UsageError(f"{surroundings.python}: cannot be started as a Python ({error.strerror})") from error
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the process and all that it has started."""
        self._kill(signal.SIGKILL)
        self._process.wait()
        self._clean_up()

    def go_on(self, plan: Plan, surroundings: Surroundings) -> Self:
        """Return this process with another plan, for one that has described a file; it is `start`ed anew."""
        self._set(plan, surroundings)
        return self

    def start(self) -> dict[str, Any]:
        """Send the plan and return the first answer. Raises WorkerFailed where there is none."""
        deadline = time.monotonic() + self._timeout_seconds
        while self._connection is None:
            self._turn(deadline, "the start of the process")
        return self.ask({"plan": asdict(self._plan)}, during="set-up", extra_seconds=self._setup_seconds)

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a message and return the answer. `during` says in an error what was going on.

        Raises WorkerFailed when the user's code fails or the process ends, hangs or grows past its
        memory limit. `extra_seconds` is what the work is expected to take beyond one step's timeout.
        """
        if self._connection is not None:
            try:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass  # it died; the loop below finds out how
        return self.listen(during=during, extra_seconds=extra_seconds)

    def listen(self, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the next message, as `ask` does, without sending one."""
        deadline = time.monotonic() + self._timeout_seconds + extra_seconds
        while not self._inbox.messages:
            self._turn(deadline, during)
        answer = self._inbox.messages.popleft()
        if answer.get("kind") == "trouble":
            trouble = self._with_what_was_written(Trouble(**answer["trouble"]))
            raise WorkerFailed(trouble, answer.get("block"), answer.get("answered", ()))
        self._look_at_memory(during)
        return answer

    @property
    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def heard(self) -> list[dict[str, Any]]:
        """Return what it said unasked so far. Raises WorkerFailed where it has ended."""
        self._take_in_the_rest()
        if self._process.poll() is not None and not self._inbox.messages:
            raise WorkerFailed(self._death("serving"))
        answers = list(self._inbox.messages)
        self._inbox.messages.clear()
        return answers

    def finish(self) -> None:
        """Tear the scenario down and let the process end. Raises WorkerFailed where that fails."""
        answer = self.ask({"kind": "finish"}, during="tear-down")
        self.cpu_seconds, self.django = answer.get("cpu_seconds"), answer.get("django")
        self.answered = answer.get("answered", ())

    def _with_what_was_written(self, trouble: Trouble) -> Trouble:
        """Return a trouble that has no traceback with what was written instead: a framework logs what it catches."""
        if trouble.kind != "raised" or trouble.details:
            return trouble
        self._take_in_the_rest()
        return replace(trouble, details=self._written())

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
        if self._inbox.messages:
            return
        if self._process.poll() is not None:
            self._take_in_the_rest()
            if not self._inbox.messages:
                raise WorkerFailed(self._death(during))
        elif time.monotonic() > deadline:
            raise WorkerFailed(self._hang(during))
        self._look_at_memory(during)

    def _look_at_memory(self, during: str) -> None:
        """End a process that took too much, for a moment even: what is found must not hang on when we look."""
        if (high_water_mark(self._process.pid) or 0) <= self._memory_limit:
            return
        self._kill(signal.SIGKILL)
        limit = format_size(self._memory_limit)
        remedy = f"raise {self._memory_limit_from} if that is meant"
        message = f"{during} took more than {limit} of memory and was ended; {remedy}"
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
        try:
            while connection in self._selector.get_map():
                self._read(connection)
        except BlockingIOError:
            pass  # a child may hold it open still

    def _read(self, connection: Any) -> None:
        data = connection.recv(1 << 20)
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
        while events := self._selector.select(0):
            for key, _ in events:
                key.data(key.fileobj)

    def _death(self, during: str) -> Trouble:
        status = self._process.returncode
        how = signal_name(-status) if status < 0 else f"exit status {status}, without a word to us"
        return Trouble(kind="died", message=f"the process ended during {during}: {how}", details=self._written())

    def _hang(self, during: str) -> Trouble:
        """End a hanging process; the abort makes faulthandler write where it was."""
        self._kill(signal.SIGABRT)
        end = time.monotonic() + _GRACE_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            for key, _ in self._selector.select(_POLL_SECONDS):
                key.data(key.fileobj)
        self._take_in_the_rest()
        limit = format_duration(self._timeout_seconds)
        message = f"{during} ran past {limit}; raise --timeout, or make one call smaller"
        return Trouble(kind="hung", message=message, details=self._written())

    def _written(self) -> str:
        return last_words(bytes(self._tail))

    def _kill(self, number: int) -> None:
        """Signal the whole group: what the user's code forked must not outlive the measurement."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

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
        self._listener.close()
        process = getattr(self, "_process", None)
        for pipe in (process.stdout, process.stderr) if process is not None else ():
            pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _make_socket_folder() -> str:
    folder = tempfile.mkdtemp(prefix="leakcheck-")
    if len(folder) < _LONGEST_SOCKET_PATH - len("/socket"):
        return folder
    Path(folder).rmdir()
    return tempfile.mkdtemp(prefix="leakcheck-", dir="/tmp")  # the kernel allows 107 characters
