"""How long the set-up of a test may take in a process of its own, and what is said where it is never done.

The session that asks for it has set up the same fixtures and holds what they hold: a port, a lock. A second
process may fail for that, or wait for ever. How long it should take is known from the session itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

START, BODY = "start", "body"
"""The stages beside the fixtures: to the end of the collection, and whatever else lies before the body."""

UNREACHED = "unreached"
"""The kind of trouble that it is where a process of its own never comes to the body."""

_TIMES, _MORE_SECONDS = 4.0, 5.0
"""A second set-up finds colder caches and a busier machine, but nothing that is of another order."""

_BUSY_SHARE, _NEW_PAGES_PER_SECOND = 0.1, 20.0
"""Who looks every millisecond whether a lock is free is busy for 2 % of the time, and who looks without a pause
touches no new memory; who migrates a database is busy for half of the time, and touches thousands of pages a second."""

_REMEDY = (
    "What this takes (a port, a lock, a file) has to be there for a second process: let the system choose it, or name "
    "it by the fixture worker_id or the variable PYTEST_XDIST_WORKER, which has a value of its own there."
)


@dataclass(slots=True, kw_only=True)
class SetupStages:
    """The stages of one set-up: what they took in the session, and which was begun last in a process of its own."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    latest: str = START

    def longest_wait_seconds(self) -> float | None:
        """Return how long to wait for the next stage; None where the session did not come by this one."""
        took = self.seconds.get(self.latest)
        return None if took is None else _TIMES * took + _MORE_SECONDS


def is_at_work(busy_seconds: float, new_pages: int, waited_seconds: float) -> bool:
    """Tell whether a process that is waited for does more than wait itself: it makes what the session only opened."""
    return busy_seconds >= _BUSY_SHARE * waited_seconds and new_pages >= _NEW_PAGES_PER_SECOND * waited_seconds


def stage_of(scope: str, place: str, fixture: str) -> str:
    """Return the stage that is a fixture's: its scope, the file or folder it is valid in, its name."""
    return f"{scope}|{place}|{fixture}"


def is_shared(stage: str) -> bool:
    """Tell whether a stage is a fixture that further tests use as it is."""
    scope, separator, _ = stage.partition("|")
    return bool(separator) and scope != "function"


def stage_words(stage: str) -> str:
    """Return what a stage is called: "fixture lock (session)"."""
    if stage == START:
        return "the start"
    scope, _, rest = stage.partition("|")
    name = rest.rpartition("|")[2]
    return f"the fixture {name} ({scope})" if name else "the set-up"


def not_replayable_here(what: str) -> str:
    """Return the one sentence for whatever keeps a process of its own from the body of a test."""
    return f"not replayable here, beside the session that runs it: in a process of its own {what}. {_REMEDY}"
