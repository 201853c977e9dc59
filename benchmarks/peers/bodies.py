"""In the arm's interpreter: the function to replay, set up once, and the calls of it that were counted.

`BODY` in the environment says which function; the folder `ANSWER` is where facts are left as JSON.
"""

import atexit
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

BODY, ANSWER = "LEAKCHECK_BENCH_BODY", "LEAKCHECK_BENCH_ANSWER"
ANSWER_FILE = "answer.json"


class Counted:
    """The function, and how often it has been called."""

    __slots__ = ("_call", "calls")

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.calls = 0

    def __call__(self) -> None:
        """Call it once; what it returns is dropped, as a test would."""
        self.calls += 1
        self._call()


def leave(facts: Mapping[str, Any]) -> None:
    """Leave facts for the process that asked."""
    (Path(os.environ[ANSWER]) / ANSWER_FILE).write_text(json.dumps(facts), encoding="utf-8")


def body() -> Counted:
    """Import and set up what is to be replayed; the calls are told when the process ends."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from bare import load, set_up

    wanted = json.loads(os.environ[BODY])
    file = Path(wanted["file"])
    if wanted["setup"]:
        load(file, wanted["setup"])()
    # `kept` is whatever the scenario has opened: it must live as long as the calls
    call, kept = set_up(load(file, wanted["name"]), None)
    counted = Counted(call)
    atexit.register(_tell, counted, kept)
    return counted


def _tell(counted: Counted, kept: object) -> None:
    file = Path(os.environ[ANSWER]) / ANSWER_FILE
    facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    leave({**facts, "calls": counted.calls})
