"""The judge's end of the connection to the test process; the other end is `worker/channel.py`."""

import os
import socket
from collections.abc import Mapping
from typing import Any

from leakcheck.model.child_processes import ChildrenReading
from leakcheck.model.errors import LeakcheckException
from leakcheck.model.failure import WorkerFailed
from leakcheck.runner.answer_decoding import decode_failure
from leakcheck.runner.channel import RunnerChannel
from leakcheck.runner.process_tree import ProcessTree

_POLL_SECONDS = 0.5


class TestProcessGone(LeakcheckException):
    """The test process has ended."""


class JudgeConnection(RunnerChannel):
    """A connection that the test process opens, and opens again if its tests have closed it."""

    def __init__(self, listener: socket.socket, timeout_seconds: float = 60.0) -> None:
        super().__init__(listener)
        self.timeout_seconds = timeout_seconds
        """How long a block of calls may take beyond its expected duration."""
        self._parent = os.getppid()
        self._children = ProcessTree(root=self._parent, besides=[os.getpid()])

    def next_message(self) -> dict[str, Any]:
        """Return the next message.

        Raises TestProcessGone when the test process has ended, and WorkerFailed for a damaged message.
        """
        while not self.messages:
            self.raise_if_broken()
            if not self.receive(_POLL_SECONDS) and os.getppid() != self._parent:
                raise TestProcessGone
        return self.messages.popleft()

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Send a request to the test process, and return its answer.

        That process must not be killed, so the request has a time limit, at which it gives up by itself where it can.
        Raises WorkerFailed if the test's body fails, and TestProcessGone.
        """
        self.send({**message, "seconds": self.timeout_seconds + extra_seconds})
        self.forgive()  # what an earlier test has written
        answer = self.next_message()
        self.raise_if_corrupt()
        if answer["kind"] == "failure":
            raise WorkerFailed(decode_failure(answer), answer.get("block"))
        return answer

    def children(self) -> ChildrenReading:
        """Return the memory of the test process's child processes, without the judge and its own children."""
        return self._children.reading()
