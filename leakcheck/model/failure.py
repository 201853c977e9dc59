"""What a failure can be, the exceptions that end a measurement early, and messages for failures of ours."""

import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from leakcheck.model.document_text import Lines
from leakcheck.model.errors import LeakcheckException, UsageError

TRACEBACK_VARIABLE = "LEAKCHECK_TRACEBACK"
_PACKAGE = Path(__file__).resolve().parents[1]
_MAX_QUOTED_CHARACTERS = 80
_MAX_ERROR_CHARACTERS = 300


class FailureKind(StrEnum):
    """What kept a scenario from being measured to its end."""

    NOTHING = "nothing"
    """There is no scenario in the file."""
    IMPORT = "import"
    USAGE = "usage"
    SETUP = "setup"
    UNREACHED = "unreached"
    """An isolated pytest did not come to the test."""
    RAISED = "raised"
    EXITED = "exited"
    DIED = "died"
    HUNG = "hung"
    MEMORY = "memory"
    MISSING = "missing"
    """A package that the pass needs is not installed there."""
    DISK = "disk"
    TEARDOWN = "teardown"
    START = "start"
    """No process could be started."""
    ANSWER = "answer"
    """The answer of the process is invalid, or other code wrote into the connection."""
    CLUSTER = "cluster"
    """Workers of the cluster were lost, or refused it."""
    INTERNAL = "internal"
    """A bug of leakcheck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a measurement failed: what happened, where, and the remedy."""

    kind: FailureKind
    message: Lines
    call: int | None = None
    """Number of the failed call; None if it failed outside of a call."""
    details: Lines = ""
    """The end of the traceback, or of the process's output."""


class MeasurementStopped(LeakcheckException):
    """The measurement was asked to stop; nothing is wrong with the scenario."""


class WorkerFailed(LeakcheckException):
    """The worker did not answer, or reported that the user's code failed."""

    def __init__(self, failure: Failure, block: Mapping[str, Any] | None = None, answered: object = ()) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.block = block
        """The readings of the block that failed, if the worker could still send them."""
        self.response_statuses = answered
        """The status counts of its requests until then, as the worker sent them."""


def undecodable_answer(why: str) -> WorkerFailed:
    """Return the failure of a worker whose answer cannot be decoded; `why` is quoted, shortened."""
    remedy = "look for what the scenario changes in Python's own modules"
    message = f"the measured process sent an invalid answer ({why[:_MAX_QUOTED_CHARACTERS]}); {remedy}"
    return WorkerFailed(Failure(kind=FailureKind.ANSWER, message=message))


def unusable_python(python: str, failure: Failure) -> UsageError:
    """Return the error for a program that --python names and that ended at once: it is no Python, or an old one."""
    output = "".join(f"\n    {line}" for line in failure.details.splitlines())
    return UsageError(
        f"{python}: not a Python that leakcheck can use; pass --python the path of a Python 3.11 or later "
        f"({failure.message}){output}"
    )


def foreign_output(foreign: bytes) -> WorkerFailed:
    """Return the failure of a worker in which other code wrote to our socket; `foreign` is how its data begins."""
    message = (
        f"something wrote {foreign[:_MAX_QUOTED_CHARACTERS]!r} into the connection between leakcheck and the measured "
        "process, so its answers cannot be trusted; have the code write to no descriptor that it did not open"
    )
    return WorkerFailed(Failure(kind=FailureKind.ANSWER, message=message))


def internal_error(error: BaseException, saved: str = "") -> str:
    """Return the message for a bug of ours; `saved` says which work was kept.

    Print the traceback to standard error if the environment variable VARIABLE is set.
    """
    if os.environ.get(TRACEBACK_VARIABLE) and sys.stderr is not None:
        traceback.print_exception(error)
    text = " ".join(str(error).split())[:_MAX_ERROR_CHARACTERS]
    summary = f"{type(error).__name__}{f': {text}' if text else ''}{_location(error)}"
    note = f"{saved}; " if saved else ""
    return f"internal error in leakcheck: {summary}; {note}please report it with `leakcheck doctor --markdown`"


def internal_failure(error: BaseException) -> Failure:
    """Return the failure of a scenario that could not be measured because of a bug of ours."""
    return Failure(kind=FailureKind.INTERNAL, message=internal_error(error, "the other scenarios are measured"))


def _location(error: BaseException) -> str:
    """Return the innermost line of leakcheck in the traceback, in parentheses; "" if there is none."""
    location = ""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            location = f" (leakcheck/{path.relative_to(_PACKAGE)}:{frame.lineno})"
    return location
