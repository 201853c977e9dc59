"""Say how the user's code failed, with its own frames and none of ours."""

import traceback
from collections.abc import Iterable
from typing import Any

from leakcheck.model.errors import LeakcheckError, ScenarioFailed
from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = tuple(os.path.join(_PACKAGE, name) for name in ("worker", "probe", "model", "scenario.py", "pytest_plugin"))
_CARRIERS = tuple(
    os.path.join(os.path.dirname(os.__file__), name) for name in ("contextlib.py", "asyncio", "importlib")
)
_MOST_CHARACTERS = 4000


def describe_trouble(error: BaseException, kind: str, *, call: int | None = None) -> dict[str, Any]:
    """Return the fields of a `answers.Failure` for what the user's code raised."""
    if isinstance(error, SystemExit):
        return {"kind": "exited", "message": f"called sys.exit({error.code!r})", "call": call, "details": ""}
    if isinstance(error, LeakcheckError) and not isinstance(error, ScenarioFailed):
        return {"kind": "usage", "message": str(error), "call": call, "details": _frames(error)}
    if isinstance(error, ScenarioFailed):
        return {"kind": kind, "message": str(error), "call": call, "details": ""}
    return {"kind": kind, "message": one_line(error), "call": call, "details": _frames(error)}


def one_line(error: BaseException) -> str:
    """Return the type and the message of an error, whatever its own methods do."""
    try:
        text = str(error)
    except Exception:  # an exception whose __str__ raises is still to be reported
        text = "(its message cannot be read)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _frames(error: BaseException) -> str:
    """Return the traceback below our own frames; empty where the error never left them."""
    try:
        return "".join(traceback.format_list(_of_user(traceback.extract_tb(error.__traceback__))))[
            -_MOST_CHARACTERS:
        ].rstrip()
    except Exception:
        return ""


def _of_user(frames: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Return the frames without ours, and without what of the standard library carries our calls out."""
    kept: list[traceback.FrameSummary] = []
    after_ours = True
    for frame in frames:
        after_ours = _is_ours(frame.filename) or (after_ours and frame.filename.startswith(_CARRIERS))
        if not after_ours:
            kept.append(frame)
    return kept


def _is_ours(filename: str) -> bool:
    return filename.startswith((*_OURS, "<frozen importlib"))
