"""The settings, in one order: defaults < pyproject.toml < environment < flags.

None means "not said here". Budgets have two more layers: a plain `growth` in pyproject.toml is
the project's default, which a scenario's own mark overrides; an override by pattern is meant for
that scenario, and beats its mark.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from leakcheck.config.sources import (
    OFF,
    RESOURCES,
    Override,
    SettingsLayer,
    find_pyproject,
    read_environment,
    read_pyproject,
)
from leakcheck.config.values import LOCAL, ShardSpec, parse_executor, parse_jobs, parse_part
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import FILE_NAME, Tolerance
from leakcheck.model.errors import ConfigError, UsageError
from leakcheck.model.explanation import Explain, KnownEntry
from leakcheck.model.result import Budget
from leakcheck.model.units import parse_change, parse_growth, parse_size

DEFAULT_GROWTH_BUDGET = "4 KiB / 1000 calls"
"""A clean Django view reads 0 B; one `object()` kept per call, the smallest there is, 16 kB."""

DEFAULT_CHANGE = "+5 % and +16 KiB"
"""Fresh processes differ by less than a thousandth; a growth of 16 KiB per 1000 calls is one small object a call."""


_NOTHING = SettingsLayer()
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
    """The resolved settings, and the budget layers that depend on the scenario."""

    calls: int | None
    time_seconds: float
    timeout_seconds: float
    memory_limit_bytes: float | None
    memory_bytes: float | None
    """What the program has where it is deployed: told is when a leak uses it up."""
    jobs: int | None
    """Measurements side by side, if there are cores and memory for them; None: as many as there are cores."""
    python: str | None
    output: Path
    explain: Explain
    allow_inconclusive: bool
    baseline: Path
    """The file of accepted figures; whether there is one is seen by who needs it."""
    change: Tolerance
    """What a figure may change by and is still the same."""
    known: tuple[KnownEntry, ...] = ()
    """Leaks that are accepted."""
    resource_budgets: Mapping[str, float] = field(default_factory=dict)
    """How many open files, threads and the like may stay of 1000 calls; what is not here is not looked at."""
    project: SettingsLayer = field(default_factory=SettingsLayer)
    overrides: tuple[Override, ...] = ()
    said: SettingsLayer = field(default_factory=SettingsLayer)
    part: ShardSpec | None = None
    """The shard to measure; None where the whole is."""
    cluster: str | None = None
    """The address of the Dask scheduler whose workers measure; None: measured here."""
    durations: Path | None = None
    """Where it stands how long each scenario takes; None where nobody wrote that down."""

    def budget(self, scenario: ScenarioInfo) -> Budget:
        """Return the budgets a scenario is held to; the growth always, the peak only where one is set."""
        growth = parse_growth(self.project.growth or DEFAULT_GROWTH_BUDGET)
        peak = None if self.project.peak is None else parse_size(self.project.peak)
        if scenario.growth_bytes_per_1000_calls is not None:
            growth = scenario.growth_bytes_per_1000_calls
        if scenario.peak_bytes is not None:
            peak = scenario.peak_bytes
        matching = [one for one in self.overrides if _matches(one.match, scenario)]
        layers: list[SettingsLayer | Override] = [*matching, self.said]
        for layer in layers:
            growth = growth if layer.growth is None else parse_growth(layer.growth)
            peak = peak if layer.peak is None else parse_size(layer.peak)
        return Budget(growth_bytes_per_1000_calls=growth, peak_bytes=peak)

    def declared_memory(self, scenario: ScenarioInfo) -> float | None:
        """Return the bytes that a scenario's process says it takes at most; None where nobody said so."""
        said = [one.memory for one in self.overrides if one.memory is not None and _matches(one.match, scenario)]
        return parse_size(said[-1]) if said else scenario.memory_bytes


def _matches(pattern: str, scenario: ScenarioInfo) -> bool:
    # an id's brackets are no character class
    literal = pattern.replace("[", "[[]")
    return fnmatchcase(scenario.id, literal) or fnmatchcase(scenario.name, literal)


def resolve(
    flags: SettingsLayer,
    *,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    beside: SettingsLayer = _NOTHING,
) -> Settings:
    """Return the settings of all layers. Raises ConfigError for a setting that cannot be used.

    `beside` is what another file of the project says, pytest's own; it comes after pyproject.toml.
    """
    path = find_pyproject(folder or Path.cwd())
    file = read_pyproject(path)
    said = _merge(read_environment(environment), flags)
    merged = _merge(DEFAULTS, file, beside, said)
    in_file: list[SettingsLayer | Override] = [file, *file.overrides]
    for layer in in_file:
        _check_sizes(layer, f"{path}: [tool.leakcheck]: ")
    _check_sizes(said, "")
    if merged.calls is not None and merged.calls < 1:
        raise UsageError("--calls must be 1 or more")
    assert merged.time is not None
    assert merged.timeout is not None
    assert merged.output is not None
    assert merged.jobs is not None
    assert merged.executor is not None
    assert merged.explain is not None
    assert merged.change is not None
    if not (merged.time > 0 and merged.timeout > 0):  # so that nan is refused too
        raise UsageError("--time and --timeout are seconds, more than 0")
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
        baseline=_baseline(said, file, path),
        change=_allowance(merged.change),
        known=file.known,
        resource_budgets={
            kind.value: float(allowed)
            for name, kind in RESOURCES.items()
            if (allowed := file.resources.get(name, 0)) != OFF
        },
        project=_merge(file, beside),
        overrides=file.overrides,
        said=said,
        part=None if said.shard is None else parse_part(said.shard),
        durations=_durations(path, file.durations, said.durations),
    )


def _durations(pyproject: Path | None, in_file: str | None, said: str | None) -> Path | None:
    """Return the file of durations: where a layer says, else beside pyproject.toml, if there is one."""
    if said is not None or pyproject is None:
        return None if said is None else Path(said)
    beside = pyproject.parent / (in_file or DURATIONS)
    return beside if in_file is not None or os.path.lexists(beside) else None


def project_settings(folder: Path | None = None) -> str | None:
    """Return the Django settings that pyproject.toml names (`[tool.leakcheck.django] settings`), or None."""
    return read_pyproject(find_pyproject(folder or Path.cwd())).django.settings


def sample_arguments(folder: Path | None = None) -> Mapping[str, Any]:
    """Return the samples of URLs' arguments that pyproject.toml names (`[tool.leakcheck.django.arguments]`)."""
    return read_pyproject(find_pyproject(folder or Path.cwd())).django.arguments


def _merge(*layers: SettingsLayer) -> SettingsLayer:
    """Return the last value said for each setting."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(
            {
                one.name: getattr(layer, one.name)
                for one in fields(SettingsLayer)
                if getattr(layer, one.name) is not None
            }
        )
    return SettingsLayer(**merged)


def _baseline(said: SettingsLayer, file: SettingsLayer, path: Path | None) -> Path:
    """Return the baseline's place: the file's word is meant from its own folder, all others from here."""
    if said.baseline is not None:
        return Path(said.baseline)
    named = file.baseline or FILE_NAME
    return Path(named) if path is None else _from_here(path.parent / named)


def _allowance(text: str) -> Tolerance:
    share, size_bytes = parse_change(text)
    return Tolerance(share=share, bytes=size_bytes)


def _from_here(path: Path) -> Path:
    """Return a path as a person here would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _check_sizes(layer: SettingsLayer | Override, where: str) -> None:
    try:
        if layer.growth is not None:
            parse_growth(layer.growth)
        for size in (layer.peak, getattr(layer, "max_memory", None), getattr(layer, "memory", None)):
            if size is not None:
                parse_size(size)
        if isinstance(layer, SettingsLayer) and layer.change is not None:
            parse_change(layer.change)
    except UsageError as error:
        raise ConfigError(f"{where}{error}") from error
