"""How a measurement ends early: it was told to stop, or the measured process failed."""

from collections.abc import Mapping
from typing import Any

from leakcheck.model import Trouble

_MOST_CHARACTERS = 80


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
        """What requests had been answered with by then, as it said."""


def misunderstood(why: str) -> WorkerFailed:
    """Return the failure of a process whose answer is none."""
    remedy = "look for what the scenario changes in Python's own modules"
    message = f"the measured process gave an answer that makes no sense ({why[:_MOST_CHARACTERS]}); {remedy}"
    return WorkerFailed(Trouble(kind="answer", message=message))


def interfered(foreign: bytes) -> WorkerFailed:
    """Return the failure of a process in which something else wrote to our connection; `foreign` is how that began."""
    message = (
        f"something wrote {foreign[:_MOST_CHARACTERS]!r} into the connection between leakcheck and the measured "
        "process, so its answers cannot be trusted; have the code write to no descriptor that it did not open"
    )
    return WorkerFailed(Trouble(kind="answer", message=message))
