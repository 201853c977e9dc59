"""The interpreter and the limits of a measured process."""

import sys
from dataclasses import dataclass, field
from threading import Event

from leakcheck.model.setup_stages import SetupStages

_is_own = Event()


def declare_own_process() -> None:
    """Declare that this process belongs to leakcheck: it starts nothing but measured processes in their own sessions.

    Any other child of it in a foreign session is then an adopted orphan, even one that hides where it comes from.
    """
    _is_own.set()


def is_own_process() -> bool:
    """Return whether `declare_own_process` was called; in a test process that measures, it is not."""
    return _is_own.is_set()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """The interpreter and the limits of a measured process."""

    python: str = sys.executable
    timeout_seconds: float = 60.0
    memory_limit_bytes: float | None = None
    """None for `MEMORY_SHARE` of what is free when the process starts."""
    memory_limit_from: str = "--max-memory"
    """The setting to raise, for the message of a process that exceeded the limit."""
    command: tuple[str, ...] = ()
    """Started instead of a plain worker, with the socket's path added: a pytest that runs up to one test's body."""
    setup_seconds: float = 0.0
    """How long its set-up may take beyond the timeout: it imports a project and makes a database."""
    stages: SetupStages = field(default_factory=SetupStages)
    """The stages of its set-up, where the process reports them: each has its own timeout."""
    stop: Event = field(default_factory=Event)
    """Once set, a measurement that is under way raises MeasurementStopped."""
