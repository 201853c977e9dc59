"""The baseline of a run: load it, compare a run with it, and find the entries whose scenarios are gone."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from leakcheck.analysis.gate.baseline import compare_with_baseline
from leakcheck.analysis.gate.explained import with_known
from leakcheck.analysis.gate.known_leaks import without_ambiguous
from leakcheck.config.expressions import Matches
from leakcheck.config.settings import Settings
from leakcheck.model.baseline import Baseline, BaselineEntry
from leakcheck.model.errors import BaselineMissing, UsageError
from leakcheck.model.failure import FailureKind
from leakcheck.model.result import Result
from leakcheck.model.run import Environment, Run
from leakcheck.reporters.messages.commands import update_command
from leakcheck.runner.collect import Collection
from leakcheck.scenario import Target
from leakcheck.storage import baseline_file


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRef:
    """A baseline and its file."""

    path: Path
    baseline: Baseline
    targets: tuple[str, ...] = ()
    """The targets that a remedy names."""
    command: tuple[str, ...] = ()
    """The arguments of the user's command, whose options a remedy keeps."""

    def entries(self, environment: Environment) -> Mapping[str, BaselineEntry]:
        """Return the entries for an environment, by scenario id. Raises BaselineMissing where there are none."""
        entries = self.baseline.environments.get(environment.key)
        if entries:
            return entries
        others = ", ".join(key for key, entries in sorted(self.baseline.environments.items()) if entries)
        raise BaselineMissing(
            f"{self.path}: holds nothing for {environment.key}, which is measured here; "
            f"it holds {others or 'nothing at all'}. Measure there, or accept what is here: "
            f"{update_command(self.targets, self.command)}"
        )


def load_baseline_ref(settings: Settings, targets: Sequence[str] = (), command: Sequence[str] = ()) -> BaselineRef:
    """Return the baseline that the settings name.

    Raises BaselineMissing where there is none, and StoreError where it is broken.
    """
    baseline = baseline_file.load_baseline(settings.baseline)
    if baseline is None:
        remedy = update_command(targets, command)
        raise BaselineMissing(f"{settings.baseline}: there is no baseline yet; accept what is here: {remedy}")
    return BaselineRef(path=settings.baseline, baseline=baseline, targets=tuple(targets), command=tuple(command))


def compare_run(run: Run, against: BaselineRef, settings: Settings, today: date) -> Run:
    """Return a saved run, compared with the baseline as if it were measured now. Raises BaselineMissing."""
    if run.environment is None:
        return run
    entries = against.entries(run.environment)
    results = tuple(_compared(result, entries.get(result.id), settings, today) for result in run.results)
    return replace(run, results=without_ambiguous(results), baseline=str(against.path))


def _compared(result: Result, accepted: BaselineEntry | None, settings: Settings, today: date) -> Result:
    if result.growth is None and result.failure is not None:
        return result  # its file could not be read, or it failed before there was a figure
    return with_known(compare_with_baseline(result, accepted, settings.change), settings.known, today)


def refuse_same_ids(scenarios: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError where two scenarios, pairs of id and target, have the same id: it is a baseline's key."""
    targets: dict[str, str] = {}
    for name, target in scenarios:
        if targets.setdefault(name, target) != target:
            raise UsageError(
                f"{target} and {targets[name]}: both are called {name}, and a baseline knows a scenario by its name; "
                "give one another with @scenario(name=...)"
            )


def gone_entries(
    entries: Mapping[str, BaselineEntry],
    collection: Collection,
    *,
    folder: Path,
    targets: Sequence[Target],
    matches: Matches,
) -> tuple[str, ...]:
    """Return the ids of entries whose scenarios the targets hold no longer. `folder` is the baseline's.

    A scenario that `-k` deselects, one in a file that could not be read, and a request that was skipped may still be
    there.
    """
    skipped = {request.request for request in collection.skipped}
    unread = {
        _source_of(result.target)
        for result in collection.failed
        if result.failure is not None and result.failure.kind is not FailureKind.NOTHING
    }
    return tuple(
        name
        for name, entry in sorted(entries.items())
        if name not in collection.all_ids
        and name not in skipped
        and matches(name)
        and (_file_of(entry.target, folder) or entry.target.partition(" ")[0]) not in unread
        and any(covers(target, name, entry.target, folder) for target in targets)
    )


def _source_of(target: str) -> Path | str:
    """Return the file of a target; of a request to a site, the site's application."""
    site, separator, _ = target.partition(" ")
    return site if separator and "::" not in target else _file(target)


def covers(target: Target, name: str, recorded: str, folder: Path) -> bool:
    """Return whether a target includes the scenario of that id, whose target a baseline in `folder` records."""
    if target.requests:
        site, _, request = recorded.partition(" ")
        all_of_method = f"{request.partition(':')[0]}:*"
        return site == f"{target.module}:{target.name}" and bool({request, all_of_method} & {*target.requests})
    if target.path is None:
        return recorded == str(target)
    file = _file_of(recorded, folder)
    if file is None or not file.is_relative_to(_file(target.path)):
        return False
    scenario = recorded.partition("::")[2]
    return target.name in (None, scenario) and (target.variant is None or name == f"{scenario}[{target.variant}]")


def relative_target(target: str, folder: Path) -> str:
    """Return a scenario's target as a baseline in `folder` spells it: with its file relative to that folder."""
    path, separator, name = target.partition("::")
    if not separator:
        return target
    return f"{Path(os.path.relpath(_file(path), _file(folder))).as_posix()}::{name}"


def _file_of(recorded: str, folder: Path) -> Path | None:
    """Return the file of a scenario; None where it is a callable in a module."""
    path, separator, _ = recorded.partition("::")
    # without looking at the disk: the baseline may come from elsewhere, and name files that do not exist
    return Path(os.path.abspath(_file(folder) / path)) if separator else None  # noqa: PTH100


def _file(path: Path | str) -> Path:
    return Path(path).resolve()
