"""From the start of a judge to its end, which comes with the end of the test process."""

import ctypes
import os
import signal
import socket
import sys
from types import FrameType
from typing import Any

import msgspec

from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import internal_error
from leakcheck.pytest_plugin.judge.connection import JudgeConnection, TestProcessGone
from leakcheck.pytest_plugin.judge.service import JudgeService, MeasureRequest
from leakcheck.runner.temporary_folders import remove_leftovers
from leakcheck.runner.worker_limits import own_this_process


def serve(descriptor: int, parent: int) -> None:
    """Answer the test process, on the socket that it listens on for us, until it is gone."""
    _die_with_parent(parent)
    own_this_process()
    remove_leftovers()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is meant for the test process, which then ends us
    line = JudgeConnection(socket.socket(fileno=descriptor))
    office: JudgeService | None = None
    while True:
        try:
            message = line.receive()
            kind = message.pop("kind")
            if kind == "project":
                office, answer = JudgeService(message), {}
            else:
                assert office is not None
                answer = _HANDLERS[kind](office, message, line)
        except TestProcessGone:
            return
        except LeakcheckError as error:
            answer = {"refused": str(error)}
        except Exception as error:
            line.forgive()
            answer = {"broken": internal_error(error)}
        line.send({"kind": "done", **answer})


def _measure(office: JudgeService, message: dict[str, Any], line: JudgeConnection) -> dict[str, Any]:
    return office.measure(msgspec.convert(message, MeasureRequest), line)


def _save(office: JudgeService, message: dict[str, Any], line: JudgeConnection) -> dict[str, Any]:
    office.save(message["path"], message["results"], message["about"])
    return {}


_HANDLERS = {"measure": _measure, "save": _save}


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)  # as an exception, so that the processes under way are ended too


def _die_with_parent(parent: int) -> None:
    """Ask Linux to end this process with the one that started it, also where that is killed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)
