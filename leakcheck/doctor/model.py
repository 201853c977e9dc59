"""What `leakcheck doctor` finds: facts about where it runs, and what follows of them, sentence by sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leakcheck.runner.machine import ControlGroup

SCHEMA = "leakcheck.doctor/1"


class CheckState(StrEnum):
    """How well one thing is."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing, or an optional part that is not installed; what is there is measured exactly."""
    LESS = "less"
    """Something is measured less exactly, or not at all."""
    BROKEN = "broken"
    """Nothing can be measured before this is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `remedy` says what to do where it is not good."""

    part: str
    name: str
    state: CheckState
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """All findings, in the order in which they are told; no path, user or host is named in any."""

    schema: str = SCHEMA
    leakcheck: str
    summary: str
    """How growth and peak are measured here, in a sentence."""
    findings: tuple[Check, ...]

    def of(self, state: CheckState) -> tuple[Check, ...]:
        """Return the findings of one state."""
        return tuple(one for one in self.findings if one.state is state)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """What a meter of live bytes read while a known number of bytes was kept."""

    kept_bytes: int
    seen_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerStatus:
    """Whether memray can trace in the measured Python. `error` says why not."""

    version: str | None = None
    is_lent: bool = False
    """It is leakcheck's own, lent to a Python that has none."""
    sees_python: bool = False
    sees_native: bool = False
    names_native: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterFacts:
    """What the Python that measures says of itself, told by a process of it."""

    python: str
    implementation: str
    platform: str
    allocator: str
    libc: str
    packages: Mapping[str, str]
    bits: int
    is_debug: bool
    has_gil: bool
    is_virtual: bool
    preloaded: tuple[str, ...] = ()
    """The names of the libraries in LD_PRELOAD, which may replace malloc."""
    python_meter: MeterReading | None = None
    native_meter: MeterReading | None = None
    readings: tuple[str, ...] = ()
    """What else can be read between windows: `rss_bytes`, `open_files` and so on."""
    has_maps: bool = False
    limiter: str = ""
    """By what a memory limit is set for `leakcheck limit`."""
    memray: TracerStatus = field(default_factory=TracerStatus)
    tracemalloc: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What leakcheck's own process sees of the machine."""

    system: str
    cores: int
    all_cores: int
    free_bytes: float
    all_bytes: float
    group: ControlGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """The folder that the command was given in, and leakcheck's own Python."""

    python: str
    packages: Mapping[str, str]
    """By their names in lower case."""
    programs: Mapping[str, bool]
    """Database servers that could be started."""
    git: str | None = None
    is_repository: bool = False
    pyproject: str = ""
    """Where pyproject.toml lies, seen from here; empty where there is none."""
    has_table: bool = False
    settings_error: str = ""
    baseline: str = ""
    baseline_entries: int | None = None
    baseline_error: str = ""
    variables: tuple[str, ...] = ()
    """The names of the LEAKCHECK_ variables that are set; what they say is nobody's business."""
    is_autoload_off: bool = False
    """pytest was told to load no plugin by itself."""
    terminal: str = ""
    """How many columns, which colours, which encoding."""
