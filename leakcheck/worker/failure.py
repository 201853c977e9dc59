"""Describe a failure of the user's code, with its own frames and none of leakcheck's."""

import traceback
from collections.abc import Iterable
from typing import Any

from leakcheck.model.errors import LeakcheckError, ScenarioFailed
from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = tuple(os.path.join(_PACKAGE, name) for name in ("worker", "probe", "model", "scenario.py", "pytest_plugin"))
_STDLIB_CALLERS = tuple(
    os.path.join(os.path.dirname(os.__file__), name) for name in ("contextlib.py", "asyncio", "importlib")
)
_MOST_CHARACTERS = 4000


def describe_failure(error: BaseException, kind: str, *, call: int | None = None) -> dict[str, Any]:
    """Return the fields of a `Failure` for an exception; `call` is the number of the call that raised it."""
    if isinstance(error, SystemExit):
        return {"kind": "exited", "message": f"called sys.exit({error.code!r})", "call": call, "details": ""}
    if isinstance(error, LeakcheckError) and not isinstance(error, ScenarioFailed):
        return {"kind": "usage", "message": str(error), "call": call, "details": _frames(error)}
    if isinstance(error, ScenarioFailed):
        return {"kind": kind, "message": str(error), "call": call, "details": ""}
    return {"kind": kind, "message": one_line(error), "call": call, "details": _frames(error)}


def describe_replay_failure(error: BaseException, request_kind: str, calls: int) -> dict[str, Any]:
    """Return the fields of a `Failure` for an exception that a pass met after `calls` completed calls."""
    if request_kind == "finish":
        return describe_failure(error, "teardown")
    return describe_failure(error, "raised", call=calls + 1)


def one_line(error: BaseException) -> str:
    """Return the type and the message of an exception, whatever its own methods do."""
    try:
        text = str(error)
    except Exception:  # __str__ is the user's code
        text = "(its message cannot be read)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _frames(error: BaseException) -> str:
    """Return the traceback below our own frames, with the line of a SyntaxError; empty if there is none."""
    try:
        lines = traceback.format_list(_user_frames(traceback.extract_tb(error.__traceback__)))
        if isinstance(error, SyntaxError):
            lines += traceback.format_exception_only(error)[:-1]
        return "".join(lines)[-_MOST_CHARACTERS:].rstrip()
    except Exception:
        return ""


def _user_frames(frames: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Return the frames without ours, and without those of the standard library that our calls pass through."""
    user_frames: list[traceback.FrameSummary] = []
    after_ours = True
    for frame in frames:
        after_ours = _is_ours(frame.filename) or (after_ours and frame.filename.startswith(_STDLIB_CALLERS))
        if not after_ours:
            user_frames.append(frame)
    return user_frames


def _is_ours(filename: str) -> bool:
    return filename.startswith((*_OURS, "<frozen importlib"))
