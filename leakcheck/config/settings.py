"""Resolve the settings. Later layers win: defaults < pyproject.toml < pytest's own file < environment < flags.

Budgets have two more layers. A scenario's mark overrides a plain `growth` in pyproject.toml, the project's default; an
override by pattern in turn overrides the mark, because it is meant for that scenario.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from leakcheck.config.sources import (
    OFF,
    RESOURCES,
    DjangoSettings,
    Override,
    SettingsLayer,
    find_pyproject,
    read_environment,
    read_pyproject,
)
from leakcheck.config.values import LOCAL, ShardSpec, parse_executor, parse_jobs, parse_shard
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import FILE_NAME
from leakcheck.model.errors import ConfigError, UsageError
from leakcheck.model.explanation import Explain, KnownEntry
from leakcheck.model.result import Budget
from leakcheck.model.tolerance import Tolerance
from leakcheck.model.units import parse_change, parse_growth, parse_size

DEFAULT_GROWTH_BUDGET = "4 KiB / 1000 calls"
"""A clean Django view grows by 0 B per 1000 calls; one retained `object()` per call, the smallest leak, by 16 kB."""

DEFAULT_CHANGE = "+5 % and +16 KiB"
"""Two fresh processes differ by less than 0.1 %; 16 KiB per 1000 calls is one small object per call."""

_EMPTY = SettingsLayer()
DURATIONS = "leakcheck-durations.json"
DEFAULTS = SettingsLayer(
    time=60.0,
    timeout=60.0,
    jobs=1,
    executor=LOCAL,
    output="reports",
    explain=Explain.AUTO,
    allow_inconclusive=False,
    change=DEFAULT_CHANGE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The resolved settings, and the layers from which the budgets of a scenario follow."""

    calls: int | None
    time_seconds: float
    timeout_seconds: float
    memory_limit_bytes: float | None
    memory_bytes: float | None
    """Memory limit in production: when a leak exhausts it is estimated."""
    jobs: int | None
    """Maximum number of parallel measurements; None for as many as there are cores."""
    python: str | None
    output: Path
    explain: Explain
    allow_inconclusive: bool
    baseline: Path
    """The baseline file, which need not exist."""
    change: Tolerance
    known: tuple[KnownEntry, ...] = ()
    resource_budgets: Mapping[str, float] = field(default_factory=dict)
    """Allowed increase of each kind of resource per 1000 calls; a kind that is missing is not checked."""
    project: SettingsLayer = field(default_factory=SettingsLayer)
    """The layers of files."""
    overrides: tuple[Override, ...] = ()
    explicit: SettingsLayer = field(default_factory=SettingsLayer)
    """The layers of environment and flags."""
    shard: ShardSpec | None = None
    cluster: str | None = None
    """Address of the Dask scheduler; None to measure on this machine."""
    durations: Path | None = None

    def budget(self, scenario: ScenarioInfo) -> Budget:
        """Return the budgets of a scenario: growth always has one, the peak only if one is set."""
        growth = parse_growth(self.project.growth or DEFAULT_GROWTH_BUDGET)
        peak = None if self.project.peak is None else parse_size(self.project.peak)
        if scenario.growth_bytes_per_1000_calls is not None:
            growth = scenario.growth_bytes_per_1000_calls
        if scenario.peak_bytes is not None:
            peak = scenario.peak_bytes
        matching = [override for override in self.overrides if _matches(override.match, scenario)]
        layers: list[SettingsLayer | Override] = [*matching, self.explicit]
        for layer in layers:
            growth = growth if layer.growth is None else parse_growth(layer.growth)
            peak = peak if layer.peak is None else parse_size(layer.peak)
        return Budget(growth_bytes_per_1000_calls=growth, peak_bytes=peak)

    def declared_memory(self, scenario: ScenarioInfo) -> float | None:
        """Return the declared maximum memory of a scenario's process in bytes; None if none is declared."""
        sizes = [item.memory for item in self.overrides if item.memory is not None and _matches(item.match, scenario)]
        return parse_size(sizes[-1]) if sizes else scenario.memory_bytes


def _matches(pattern: str, scenario: ScenarioInfo) -> bool:
    # the brackets of an id (`newsletter[naive]`) are not a character class
    literal = pattern.replace("[", "[[]")
    return fnmatchcase(scenario.id, literal) or fnmatchcase(scenario.name, literal)


def resolve(
    flags: SettingsLayer,
    *,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    beside: SettingsLayer = _EMPTY,
) -> Settings:
    """Return the settings of all layers. Raises ConfigError or UsageError for an invalid setting.

    `beside` is the layer of pytest's configuration file, which overrides pyproject.toml.
    """
    path = find_pyproject(folder or Path.cwd())
    file = read_pyproject(path)
    variables = read_environment(environment)
    _check_values(file, lambda name: f"{path}: [tool.leakcheck] {name}")
    for override in file.overrides:
        _check_values(override, partial("{}: [tool.leakcheck] override {!r}: {}".format, path, override.match))
    _check_values(variables, lambda name: f"LEAKCHECK_{name.upper()}")
    _check_values(flags, lambda name: f"--{name.replace('_', '-')}")
    explicit = _merge(variables, flags)
    merged: Any = _merge(DEFAULTS, file, beside, explicit)  # DEFAULTS has what must not be None
    share, size_bytes = parse_change(merged.change)
    return Settings(
        calls=merged.calls,
        time_seconds=merged.time,
        timeout_seconds=merged.timeout,
        memory_limit_bytes=None if merged.max_memory is None else parse_size(merged.max_memory),
        memory_bytes=None if merged.memory is None else parse_size(merged.memory),
        jobs=parse_jobs(merged.jobs),
        cluster=parse_executor(merged.executor),
        python=merged.python,
        output=Path(merged.output),
        explain=merged.explain,
        allow_inconclusive=bool(merged.allow_inconclusive),
        baseline=_baseline(explicit, file, path),
        change=Tolerance(share=share, bytes=size_bytes),
        known=file.known,
        resource_budgets={
            kind.value: float(budget)
            for name, kind in RESOURCES.items()
            if (budget := file.resources.get(name, 0)) != OFF
        },
        project=_merge(file, beside),
        overrides=file.overrides,
        explicit=explicit,
        shard=None if explicit.shard is None else parse_shard(explicit.shard),
        durations=_durations(path, file.durations, explicit.durations),
    )


def _durations(pyproject: Path | None, in_file: str | None, explicit: str | None) -> Path | None:
    """Return the durations file that a layer names, else the default one next to pyproject.toml if it exists."""
    if explicit is not None or pyproject is None:
        return None if explicit is None else Path(explicit)
    path = pyproject.parent / (in_file or DURATIONS)
    return path if in_file is not None or os.path.lexists(path) else None


def django_settings(folder: Path | None = None) -> DjangoSettings:
    """Return the table `[tool.leakcheck.django]` of pyproject.toml, empty if there is none."""
    return read_pyproject(find_pyproject(folder or Path.cwd())).django


def _merge(*layers: SettingsLayer) -> SettingsLayer:
    """Return the last value of each setting that is not None."""
    names = [item.name for item in fields(SettingsLayer)]
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update({name: value for name in names if (value := getattr(layer, name)) is not None})
    return SettingsLayer(**merged)


def _baseline(explicit: SettingsLayer, file: SettingsLayer, pyproject: Path | None) -> Path:
    """Return the baseline's path: one in pyproject.toml is relative to its folder, any other to the current folder."""
    if explicit.baseline is not None:
        return Path(explicit.baseline)
    name = file.baseline or FILE_NAME
    if pyproject is None:
        return Path(name)
    path, current = pyproject.parent / name, Path.cwd()
    return path.relative_to(current) if path.is_relative_to(current) else path


def _check_values(layer: SettingsLayer | Override, spelled: Callable[[str], str]) -> None:
    """Raise ConfigError for a value that cannot be used; `spelled` is how this layer writes the name of a setting."""
    for name, check in _CHECKS.items():
        value = getattr(layer, name, None)
        try:
            if value is not None:
                check(value)
        except UsageError as error:
            raise ConfigError(f"{spelled(name)}: {error}") from error


def _check_calls(calls: int) -> None:
    if calls < 1:
        raise UsageError(f"{calls}: write a number of calls, 1 or more")


def _check_seconds(seconds: float) -> None:
    if not seconds > 0:  # not `<=`: nan must be refused too
        raise UsageError(f"{seconds:g}: write a number of seconds, more than 0")


_CHECKS: Mapping[str, Callable[[Any], object]] = {
    "growth": parse_growth,
    "peak": parse_size,
    "memory": parse_size,
    "max_memory": parse_size,
    "change": parse_change,
    "calls": _check_calls,
    "time": _check_seconds,
    "timeout": _check_seconds,
    "jobs": parse_jobs,
    "executor": parse_executor,
    "shard": parse_shard,
}
"""Raise UsageError for a value of the setting that cannot be used."""
