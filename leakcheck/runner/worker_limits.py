"""Where, and within which limits, a process is measured."""

import sys
from dataclasses import dataclass, field
from threading import Event

from leakcheck.model.setup_stages import SetupStages

_OWN = Event()


def own_this_process() -> None:
    """Say that this process starts nothing in sessions of their own but measured processes.

    Whatever else it has for a child in a foreign session is an orphan then, also where it hides where it is from.
    """
    _OWN.set()


def is_own_process() -> bool:
    """Tell whether this process was said to be ours alone; a test process that measures is not."""
    return _OWN.is_set()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """Where and within which limits a process is measured."""

    python: str = sys.executable
    timeout_seconds: float = 60.0
    memory_limit_bytes: float | None = None
    """None: four fifths of what is free when the process begins."""
    memory_limit_from: str = "--max-memory"
    """What to raise where a process is meant to take more."""
    command: tuple[str, ...] = ()
    """What is started instead of a bare worker, the socket's path behind it: a pytest that comes to one test's body."""
    setup_seconds: float = 0.0
    """What its set-up may take beyond the timeout: it imports a project and makes a database."""
    stages: SetupStages = field(default_factory=SetupStages)
    """Those of its set-up, where the process says them: each is waited for as long as it may take."""
    stop: Event = field(default_factory=Event)
    """Once set, a measurement that is under way ends with Stopped."""
