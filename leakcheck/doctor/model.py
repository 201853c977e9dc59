"""Facts about interpreter, machine and project, and the report of `leakcheck doctor` on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leakcheck.runner.machine import ControlGroup

SCHEMA = "leakcheck.doctor/2"


class CheckState(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing, or an optional package that is not installed; measurements are exact all the same."""
    LIMITED = "limited"
    """Something is measured less exactly, or not at all."""
    BROKEN = "broken"
    """Nothing can be measured until this is fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of a check. `remedy` says what to do if it is not ok."""

    group: str
    name: str
    state: CheckState
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """All findings in the order of the report. No text in it names a path, user or host."""

    schema: str = SCHEMA
    leakcheck: str
    summary: str
    """How growth and peak are measured, in one sentence."""
    findings: tuple[Finding, ...]

    def names(self, state: CheckState) -> str:
        """Return the names of the checks with this state, separated by commas."""
        return ", ".join(finding.name for finding in self.findings if finding.state is state)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """How many bytes a meter of live bytes saw while a known number was retained."""

    kept_bytes: int
    seen_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerStatus:
    """Whether memray can trace in the measured Python; if not, `error` says why."""

    version: str | None = None
    is_lent: bool = False
    """It is leakcheck's own memray; the measured Python has none."""
    sees_python: bool = False
    sees_native: bool = False
    names_native: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterFacts:
    """The measured Python, as a worker process reports it."""

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
    """Names of the libraries in LD_PRELOAD, which may replace malloc."""
    python_meter: MeterReading | None = None
    native_meter: MeterReading | None = None
    readings: tuple[str, ...] = ()
    """Other meters that can be read between windows: `rss_bytes`, `open files` and so on."""
    has_maps: bool = False
    limiter: str = ""
    """The means by which `leakcheck limit` limits memory."""
    memray: TracerStatus = field(default_factory=TracerStatus)
    tracemalloc: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """The machine, as leakcheck's own process sees it."""

    system: str
    cores: int
    all_cores: int
    free_bytes: float
    all_bytes: float
    group: ControlGroup
    limiter: str = ""
    """The means by which `leakcheck limit` limits memory; empty if that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """The current folder, and leakcheck's own Python."""

    leakcheck: str
    python: str
    packages: Mapping[str, str]
    """Installed versions by name in lower case."""
    measured_packages: Mapping[str, str]
    """Likewise in the measured Python; empty if it cannot be started."""
    programs: Mapping[str, bool]
    """Database servers, and whether they are installed."""
    git: str | None = None
    is_repository: bool = False
    pyproject: str = ""
    """`pyproject.toml`, or `pyproject.toml above` for one in a parent folder; empty if there is none."""
    has_table: bool = False
    settings_error: str = ""
    baseline: str = ""
    baseline_entries: int | None = None
    baseline_error: str = ""
    variables: tuple[str, ...] = ()
    """Names of the LEAKCHECK_ variables that are set; their values are private."""
    is_autoload_off: bool = False
    """PYTEST_DISABLE_PLUGIN_AUTOLOAD is set, so that pytest does not load installed plugins."""
    terminal: str = ""
    """Columns, colours and encoding."""
