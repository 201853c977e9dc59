"""Time limits for setting up a test in a separate process, and the message when its body is never reached.

The session that starts the process has set up the same fixtures and holds what they hold, such as a port or a lock, so
the second setup may fail or wait forever. How long each stage should take is known from the session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

START, BODY = "start", "body"
"""The stages besides the fixtures: up to the end of collection, and everything else before the test's body."""

UNREACHED = "unreached"
"""Kind of the failure when the separate process never reaches the body of the test."""

_ALLOWED_SLOWDOWN, _EXTRA_SECONDS = 4.0, 5.0
"""A second setup has colder caches and a busier machine, but takes time of the same order."""

_BUSY_SHARE, _NEW_PAGES_PER_SECOND = 0.1, 20.0
"""Polling a lock every millisecond takes 2 % of the CPU time, and polling without a pause touches no new memory.
Migrating a database takes half of the CPU time and touches thousands of pages per second."""

_REMEDY = (
    "A resource it takes (a port, a lock, a file) must be available to a second process: let the system choose it, "
    "or derive its name from the fixture worker_id or the variable PYTEST_XDIST_WORKER, which has another value there."
)


@dataclass(slots=True, kw_only=True)
class SetupStages:
    """Duration of each stage in the session, and the stage that the separate process started last."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    latest: str = START

    def longest_wait_seconds(self) -> float | None:
        """Return how long to wait for the next stage; None if the session did not go through this one."""
        seconds = self.seconds.get(self.latest)
        return None if seconds is None else _ALLOWED_SLOWDOWN * seconds + _EXTRA_SECONDS


def is_busy(busy_seconds: float, new_pages: int, waited_seconds: float) -> bool:
    """Return whether the process works rather than waits: it may have to create what the session only opened."""
    return busy_seconds >= _BUSY_SHARE * waited_seconds and new_pages >= _NEW_PAGES_PER_SECOND * waited_seconds


def fixture_stage(scope: str, place: str, fixture: str) -> str:
    """Return the stage of a fixture: its scope, the file or folder it is valid in, its name."""
    return f"{scope}|{place}|{fixture}"


def is_shared(stage: str) -> bool:
    """Return whether a stage is a fixture that several tests share."""
    scope, separator, _ = stage.partition("|")
    return bool(separator) and scope != "function"


def describe_stage(stage: str) -> str:
    """Return the stage in words: "the fixture lock (session)"."""
    if stage == START:
        return "the start"
    scope, _, rest = stage.partition("|")
    name = rest.rpartition("|")[2]
    return f"the fixture {name} ({scope})" if name else "the set-up"


def not_replayable_message(what: str) -> str:
    """Return the message for a separate process that did not reach the test's body; `what` is what happened in it."""
    return f"not replayable here: in a second process, {what}. {_REMEDY}"
