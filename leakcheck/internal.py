"""An error of our own: nobody can mend it but us, so it is told in one sentence, with what a report of it needs."""

import os
import sys
import traceback
from pathlib import Path

from leakcheck.answers import Trouble

KIND = "internal"
VARIABLE = "LEAKCHECK_TRACEBACK"
_PACKAGE = Path(__file__).resolve().parent
_MOST_ERROR_CHARACTERS = 300


def internal_error(error: BaseException, saved: str = "") -> str:
    """Return the sentence; `saved` says what is kept all the same. The traceback is printed where VARIABLE is set."""
    if os.environ.get(VARIABLE) and sys.stderr is not None:
        traceback.print_exception(error)
    kept = f"{saved}; " if saved else ""
    return f"internal error in leakcheck: {_what(error)}; {kept}please report it with `leakcheck doctor --markdown`"


def internal_trouble(error: BaseException) -> Trouble:
    """Return what is said of a scenario that could not be measured, or judged, by our own fault."""
    return Trouble(kind=KIND, message=internal_error(error, "the other scenarios are measured"))


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
