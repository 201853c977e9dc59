"""Requests that are sent to a measured process.

Separate from the result and run documents because the measured process imports this and not them: whatever it imports
costs time and memory that are not the user's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leakcheck.model.plain_text import escape_control

OptionValue = bool | int | float | str
"""Types that a scenario's option may have."""


class Pass(StrEnum):
    """What a worker does, each time in a fresh interpreter; only collect and growth may share one."""

    COLLECT = "collect"
    DOCTOR = "doctor"
    """Check what can be measured in this interpreter; no code of the user is loaded."""
    GROWTH = "growth"
    PEAK = "peak"
    RETENTION = "retention"
    """The retention pass: which containers grow, and what holds them. Nothing is traced."""
    ALLOCATION = "allocation"
    """The allocation pass: which lines allocate what grows. A tracer is on."""
    LIMIT = "limit"
    """The limit pass: a real server under a memory limit, with requests over HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRequest:
    """Everything a fresh interpreter needs for one pass."""

    kind: Pass
    target: str
    """`FILE.py::NAME`, `FILE.py` (collect only), `package.module:callable`, or the last followed by requests."""
    variant: str | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    setup: str | None = None
    """A `package.module:callable` that is called once before the target is set up."""
    capture_path: str | None = None
    """Where the peak pass writes memray's capture."""
    tracer: str = ""
    """Tracer of the allocation pass: a value of `TracerName`."""
    memray_fallback: str | None = None
    """Folder to import memray from if the measured Python has none of its own."""
    shared_folder: str | None = None
    """Folder in which the processes of one run share what is expensive to make, such as a migrated database."""
    meters: tuple[str, ...] = ("python", "native", "rss")
    """Meters that may be used, besides `blocks`, which always is."""
    limit_request: Mapping[str, Any] | None = None
    """The fields of a `LimitRequest`, for the limit pass."""


def scenario_id(name: str, variant: str | None) -> str:
    """Return the id of a scenario and its variant, `newsletter[naive]`, with control characters escaped."""
    return escape_control(name_with_variant(name, variant))


def name_with_variant(name: str, variant: str | None) -> str:
    """Return the same as it is written in a target, with nothing escaped."""
    return name if variant is None else f"{name}[{variant}]"


class ResourceKind(StrEnum):
    """Resources that are counted besides memory, each by the module of `probe/meters/counted` with its name."""

    OPEN_FILES = "open files"
    """Including sockets and pipes."""
    THREADS = "threads"
    CHILD_PROCESSES = "child processes"
    """Zombies included."""
    ASYNCIO_TASKS = "asyncio tasks"
    """Those that are not done; 0 if asyncio is not loaded."""
    UNCOLLECTABLE_OBJECTS = "uncollectable objects"
    """What is in `gc.garbage`."""
