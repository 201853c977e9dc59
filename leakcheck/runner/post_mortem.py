"""Describe how a process ended, and the end of its output."""

import signal
from pathlib import Path

from leakcheck.model.answers import Failure

_MOST_CHARACTERS = 4000
_MOST_FRAMES = 8
_PACKAGE = Path(__file__).resolve().parents[1]
_OWN_FRAMES = tuple(f'  File "{_PACKAGE / room}' for room in ("probe", "worker"))


def output_tail(tail: bytes | bytearray) -> str:
    """Return the end of a process's output, with the newest frames of faulthandler's stacks, and without leakcheck's.

    faulthandler writes the newest frame first, so the end alone would show where every process begins, instead of where
    this one was.
    """
    own_frames = (*_OWN_FRAMES, '  File "<frozen importlib')
    lines: list[str] = []
    frames = 0
    for line in tail.decode(errors="replace").splitlines():
        frames = frames + 1 if line.startswith("  File ") else 0
        if frames <= _MOST_FRAMES and not line.startswith(own_frames):
            lines.append(line)
    return "\n".join(lines).strip()[-_MOST_CHARACTERS:]


def death(status: int, during: str, tail: bytes | bytearray) -> Failure:
    """Return the failure of a process that ended by itself, from its return code and its output."""
    how = _killed_by(-status) if status < 0 else f"exit status {status}, without a word to us"
    return Failure(kind="died", message=f"the process ended during {during}: {how}", details=output_tail(tail))


def _killed_by(number: int) -> str:
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
