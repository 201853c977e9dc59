"""The judge's end of the connection to the test process; the other end is `worker/channel.py`."""

import json
import os
import select
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leakcheck.model.child_processes import ChildrenReading
from leakcheck.model.errors import LeakcheckException
from leakcheck.model.failure import WorkerFailed, foreign_output, undecodable_answer
from leakcheck.runner.answer_decoding import decode_failure
from leakcheck.runner.message_reader import MessageReader
from leakcheck.runner.process_tree import ProcessTree

_POLL_SECONDS = 0.5
_CHUNK_BYTES = 1 << 20


class TestProcessGone(LeakcheckException):
    """The test process has ended."""


class JudgeConnection:
    """A connection that the test process opens, and opens again if its tests have closed it."""

    def __init__(self, listener: socket.socket, timeout_seconds: float = 60.0) -> None:
        self.timeout_seconds = timeout_seconds
        """How long a block of calls may take beyond its expected duration."""
        self._listener = listener
        self._parent = os.getppid()
        self._children = ProcessTree(root=self._parent, besides=[os.getpid()])
        self._connection: socket.socket | None = None
        self._inbox = MessageReader(Path(listener.getsockname()).name.encode())

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message. If the test process has closed the connection, the next `receive` notices."""
        if self._connection is None:
            return
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    def receive(self) -> dict[str, Any]:
        """Return the next message.

        Raises TestProcessGone when the test process has ended, and WorkerFailed for a damaged message.
        """
        while not self._inbox.messages:
            if self._inbox.broken:
                raise undecodable_answer(self._inbox.broken)
            sockets = [self._listener, *([] if self._connection is None else [self._connection])]
            ready, _, _ = select.select(sockets, [], [], _POLL_SECONDS)
            if self._connection in ready:
                self._read()
            elif self._listener in ready:
                self._close_connection()
                self._connection, _ = self._listener.accept()
                self._inbox.discard_partial()
            elif os.getppid() != self._parent:
                raise TestProcessGone
        return self._inbox.messages.popleft()

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a request to the test process, and return its answer.

        That process must not be killed, so the request has a time limit, at which it gives up by itself where it can.
        Raises WorkerFailed if the test's body fails, and TestProcessGone.
        """
        self.send({**message, "seconds": self.timeout_seconds + extra_seconds})
        self.forgive()  # what an earlier test has written
        answer = self.receive()
        if self._inbox.foreign:
            raise foreign_output(self._inbox.foreign)
        if answer["kind"] == "failure":
            raise WorkerFailed(decode_failure(answer), answer.get("block"))
        return answer

    def forgive(self) -> None:
        """Discard input that was no message of ours."""
        self._inbox.discard_foreign()

    def children(self) -> ChildrenReading:
        """Return the memory of the test process's child processes, without the judge and its own children."""
        return self._children.reading()

    def _read(self) -> None:
        assert self._connection is not None
        try:
            data = self._connection.recv(_CHUNK_BYTES)
        except OSError:
            data = b""
        if data:
            self._inbox.feed(data)
        else:
            self._close_connection()

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
