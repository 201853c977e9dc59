"""What is left of a process that ended: how it did, and what it wrote."""

import signal
from pathlib import Path

from leakcheck.model.answers import Failure

_MOST_CHARACTERS = 4000
_MOST_FRAMES = 8
_PACKAGE = Path(__file__).resolve().parents[1]
_OURS = tuple(f'  File "{_PACKAGE / room}' for room in ("probe", "worker"))


def last_words(tail: bytes | bytearray) -> str:
    """Return the end of what a process wrote, with the newest frames of each of faulthandler's stacks and none of ours.

    faulthandler writes the newest frame first, so whoever looks at the end would see where every
    process begins instead of where this one was.
    """
    ours = (*_OURS, '  File "<frozen importlib')
    kept: list[str] = []
    frames = 0
    for line in tail.decode(errors="replace").splitlines():
        frames = frames + 1 if line.startswith("  File ") else 0
        if frames <= _MOST_FRAMES and not line.startswith(ours):
            kept.append(line)
    return "\n".join(kept).strip()[-_MOST_CHARACTERS:]


def death(status: int, during: str, tail: bytes | bytearray) -> Failure:
    """Return how a process ended by itself: its return code, and what it wrote."""
    how = _signal_name(-status) if status < 0 else f"exit status {status}, without a word to us"
    return Failure(kind="died", message=f"the process ended during {during}: {how}", details=last_words(tail))


def _signal_name(number: int) -> str:
    """Return how a signal ended a process (`killed by SIGSEGV`)."""
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
