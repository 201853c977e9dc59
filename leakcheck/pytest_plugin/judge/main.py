"""Run a judge until its test process ends."""

import os
import signal
import socket
import sys
from types import FrameType

import msgspec

from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import internal_error
from leakcheck.pytest_plugin.judge.connection import JudgeConnection, TestProcessGone
from leakcheck.pytest_plugin.judge.service import JudgeRequest, JudgeService
from leakcheck.runner.child_process import declare_own_process
from leakcheck.runner.temporary_folders import remove_leftovers
from leakcheck.worker.main import die_with_parent


def serve(descriptor: int, parent: int) -> None:
    """Answer the requests of the test process until it ends; `descriptor` is that of a listening socket."""
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)  # the test process ended before the prctl call
    declare_own_process()
    remove_leftovers()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the test process, which then ends the judge
    connection = JudgeConnection(socket.socket(fileno=descriptor))
    service: JudgeService | None = None
    while True:
        try:
            message = connection.next_message()
            kind = message.pop("kind")
            if kind == "project":
                service, answer = JudgeService(message), {}
            else:
                assert service is not None
                if kind == "measure":
                    answer = service.measure(msgspec.convert(message, JudgeRequest), connection)
                else:
                    service.save(**message)
                    answer = {}
        except TestProcessGone:
            return
        except LeakcheckError as error:
            answer = {"refused": str(error)}
        except Exception as error:
            connection.forgive()
            answer = {"broken": internal_error(error)}
        connection.send({"kind": "done", **answer})


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)  # an exception, so that the running measured processes are ended too
