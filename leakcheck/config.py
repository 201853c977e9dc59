"""The settings, in one order: defaults < pyproject.toml < environment < flags.

None means "not said here". Budgets have two more layers: a plain `growth` in pyproject.toml is
the project's default, which a scenario's own mark overrides; an override by pattern is meant for
that scenario, and beats its mark.
"""

import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from leakcheck.errors import ConfigError, UsageError
from leakcheck.explanation import Explain, KnownEntry, ResourceKind
from leakcheck.model import Budget, Description
from leakcheck.units import parse_growth, parse_size

DEFAULT_GROWTH_BUDGET = "4 KiB / 1000 calls"
"""A clean Django view reads 0 B; one `object()` kept per call, the smallest there is, 16 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one layer says. Every field may be None: not said here."""

    growth: str | None = None
    peak: str | None = None
    calls: int | None = None
    time: float | None = None
    timeout: float | None = None
    max_memory: str | None = None
    jobs: int | None = None
    python: str | None = None
    output: str | None = None
    explain: Explain | None = None
    allow_inconclusive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Budgets for the scenarios whose id or name matches a pattern ("newsletter*")."""

    match: str
    growth: str | None = None
    peak: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What the file says of a Django project."""

    settings: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File(Said):
    overrides: tuple[Override, ...] = ()
    known: tuple[KnownEntry, ...] = ()
    resources: Mapping[str, float | str] = field(default_factory=dict)
    django: Project = field(default_factory=Project)


_OFF = "off"
_RESOURCES = {kind.replace(" ", "_"): kind for kind in ResourceKind}
_DEFAULTS = Said(time=60.0, timeout=60.0, jobs=1, output="reports", explain=Explain.AUTO, allow_inconclusive=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The resolved settings, and the budget layers that depend on the scenario."""

    calls: int | None
    time_seconds: float
    timeout_seconds: float
    memory_limit_bytes: float | None
    jobs: int
    """Measurements side by side; never more than there are cores."""
    python: str | None
    output: Path
    explain: Explain
    allow_inconclusive: bool
    known: tuple[KnownEntry, ...] = ()
    """Leaks that are accepted."""
    resource_budgets: Mapping[str, float] = field(default_factory=dict)
    """How many open files, threads and the like may stay of 1000 calls; what is not here is not looked at."""
    project: Said = field(default_factory=Said)
    overrides: tuple[Override, ...] = ()
    said: Said = field(default_factory=Said)

    def budget(self, scenario: Description) -> Budget:
        """Return the budgets a scenario is held to; the growth always, the peak only where one is set."""
        growth = parse_growth(self.project.growth or DEFAULT_GROWTH_BUDGET)
        peak = None if self.project.peak is None else parse_size(self.project.peak)
        if scenario.growth_bytes_per_1000_calls is not None:
            growth = scenario.growth_bytes_per_1000_calls
        if scenario.peak_bytes is not None:
            peak = scenario.peak_bytes
        matching = [one for one in self.overrides if _matches(one.match, scenario)]
        layers: list[Said | Override] = [*matching, self.said]
        for layer in layers:
            growth = growth if layer.growth is None else parse_growth(layer.growth)
            peak = peak if layer.peak is None else parse_size(layer.peak)
        return Budget(growth_bytes_per_1000_calls=growth, peak_bytes=peak)


def _matches(pattern: str, scenario: Description) -> bool:
    # an id's brackets are no character class
    literal = pattern.replace("[", "[[]")
    return fnmatchcase(scenario.id, literal) or fnmatchcase(scenario.name, literal)


def resolve(flags: Said, *, environment: Mapping[str, str] = os.environ, folder: Path | None = None) -> Settings:
    """Return the settings of all layers. Raises ConfigError for a setting that cannot be used."""
    path = _find_pyproject(folder or Path.cwd())
    file = _read_pyproject(path)
    said = _merge(_read_environment(environment), flags)
    merged = _merge(_DEFAULTS, file, said)
    in_file: list[Said | Override] = [file, *file.overrides]
    for layer in in_file:
        _check_sizes(layer, f"{path}: [tool.leakcheck]: ")
    _check_sizes(said, "")
    if merged.calls is not None and merged.calls < 1:
        raise UsageError("--calls must be 1 or more")
    if merged.jobs is not None and merged.jobs < 1:
        raise UsageError("--jobs must be 1 or more")
    assert merged.time is not None
    assert merged.timeout is not None
    assert merged.output is not None
    assert merged.jobs is not None
    assert merged.explain is not None
    if not (merged.time > 0 and merged.timeout > 0):  # so that nan is refused too
        raise UsageError("--time and --timeout are seconds, more than 0")
    return Settings(
        calls=merged.calls,
        time_seconds=merged.time,
        timeout_seconds=merged.timeout,
        memory_limit_bytes=None if merged.max_memory is None else parse_size(merged.max_memory),
        jobs=min(merged.jobs, os.cpu_count() or 1),
        python=merged.python,
        output=Path(merged.output),
        explain=merged.explain,
        allow_inconclusive=bool(merged.allow_inconclusive),
        known=file.known,
        resource_budgets={
            kind.value: float(allowed)
            for name, kind in _RESOURCES.items()
            if (allowed := file.resources.get(name, 0)) != _OFF
        },
        project=file,
        overrides=file.overrides,
        said=said,
    )


def project_settings(folder: Path | None = None) -> str | None:
    """Return the Django settings that pyproject.toml names (`[tool.leakcheck.django] settings`), or None."""
    return _read_pyproject(_find_pyproject(folder or Path.cwd())).django.settings


def _merge(*layers: Said) -> Said:
    """Return the last value said for each setting."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(
            {one.name: getattr(layer, one.name) for one in fields(Said) if getattr(layer, one.name) is not None}
        )
    return Said(**merged)


def _check_sizes(layer: Said | Override, where: str) -> None:
    try:
        if layer.growth is not None:
            parse_growth(layer.growth)
        for size in (layer.peak, getattr(layer, "max_memory", None)):
            if size is not None:
                parse_size(size)
    except UsageError as error:
        raise ConfigError(f"{where}{error}") from error


def _find_pyproject(folder: Path) -> Path | None:
    return next((path for parent in (folder, *folder.parents) if (path := parent / "pyproject.toml").is_file()), None)


def _read_pyproject(path: Path | None) -> _File:
    if path is None:
        return _File()
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    where = f"{path}: [tool.leakcheck]"
    table = tools.get("leakcheck", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: is a {type(table).__name__}; it must be a table of settings")
    _refuse_unknown(table, [one.name for one in fields(_File)], where)
    for key, kind in (("overrides", Override), ("known", KnownEntry)):
        entries = table.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                _refuse_unknown(entry, [one.name for one in fields(kind)], f"{where} {key}")
    if isinstance(said := table.get("django"), dict):
        _refuse_unknown(said, [one.name for one in fields(Project)], f"{where} django")
    try:
        file = msgspec.convert(table, _File)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    _refuse_unknown(file.resources, list(_RESOURCES), f"{where} resources")
    for name, allowed in file.resources.items():
        if allowed != _OFF and not (isinstance(allowed, float) and 0 <= allowed < math.inf):
            raise ConfigError(
                f"{where} resources: {name} is {allowed!r}; write how many may stay of 1000 calls, or {_OFF!r}"
            )
    for number, known in enumerate(file.known, 1):
        if not known.reason.strip() or bool(known.fingerprint) == bool(known.match):
            raise ConfigError(
                f"{where} known, entry {number}: needs a reason, and either a fingerprint (leakcheck prints it) "
                "or a match over the site and the path, like '*SENT*'"
            )
    return file


def _refuse_unknown(table: Mapping[str, object], known: Sequence[str], where: str) -> None:
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"the options are {', '.join(known)}"
            raise ConfigError(f"{where}: there is no option {name!r}; {remedy}")


def _read_environment(environment: Mapping[str, str]) -> Said:
    names = {f"LEAKCHECK_{name.upper()}": name for name in asdict(Said())}
    found = {names[key]: value for key, value in environment.items() if key in names and value}
    try:
        return msgspec.convert(found, Said, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"environment: LEAKCHECK_*: {error}") from error
