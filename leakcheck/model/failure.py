"""How a measurement ends early: it was told to stop, or the measured process failed."""

import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leakcheck.model.answers import Failure
from leakcheck.model.errors import LeakcheckException

_MOST_CHARACTERS = 80


class MeasurementStopped(LeakcheckException):
    """The measurement was told to stop; nothing is wrong with the scenario."""


class WorkerFailed(LeakcheckException):
    """The measured process gave no answer, or answered that the user's code failed."""

    def __init__(self, trouble: Failure, block: Mapping[str, Any] | None = None, answered: object = ()) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble
        self.block = block
        """What had been read of the block that failed, where the process could still tell."""
        self.answered = answered
        """What requests had been answered with by then, as it said."""


def misunderstood(why: str) -> WorkerFailed:
    """Return the failure of a process whose answer is none."""
    remedy = "look for what the scenario changes in Python's own modules"
    message = f"the measured process gave an answer that makes no sense ({why[:_MOST_CHARACTERS]}); {remedy}"
    return WorkerFailed(Failure(kind="answer", message=message))


def interfered(foreign: bytes) -> WorkerFailed:
    """Return the failure of a process in which something else wrote to our connection; `foreign` is how that began."""
    message = (
        f"something wrote {foreign[:_MOST_CHARACTERS]!r} into the connection between leakcheck and the measured "
        "process, so its answers cannot be trusted; have the code write to no descriptor that it did not open"
    )
    return WorkerFailed(Failure(kind="answer", message=message))


KIND = "internal"
VARIABLE = "LEAKCHECK_TRACEBACK"
_PACKAGE = Path(__file__).resolve().parents[1]
_MOST_ERROR_CHARACTERS = 300


def internal_error(error: BaseException, saved: str = "") -> str:
    """Return the sentence; `saved` says what is kept all the same. The traceback is printed where VARIABLE is set."""
    if os.environ.get(VARIABLE) and sys.stderr is not None:
        traceback.print_exception(error)
    kept = f"{saved}; " if saved else ""
    return f"internal error in leakcheck: {_what(error)}; {kept}please report it with `leakcheck doctor --markdown`"


def internal_trouble(error: BaseException) -> Failure:
    """Return what is said of a scenario that could not be measured, or judged, by our own fault."""
    return Failure(kind=KIND, message=internal_error(error, "the other scenarios are measured"))


def _what(error: BaseException) -> str:
    text = " ".join(str(error).split())[:_MOST_ERROR_CHARACTERS]
    return f"{type(error).__name__}{f': {text}' if text else ''}{_where(error)}"


def _where(error: BaseException) -> str:
    """Return the innermost line of ours that it came through."""
    ours = ""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            ours = f" (leakcheck/{path.relative_to(_PACKAGE)}:{frame.lineno})"
    return ours
