"""What a run is compared with: the baseline's entries for the environment that was measured."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from leakcheck.analysis.gate.baseline import compared
from leakcheck.analysis.gate.explained import with_known
from leakcheck.analysis.gate.known_leaks import without_ambiguous
from leakcheck.config.expressions import Matches
from leakcheck.config.settings import Settings
from leakcheck.model.baseline import Baseline, BaselineEntry
from leakcheck.model.errors import BaselineMissing, UsageError
from leakcheck.model.explanation import Explanation
from leakcheck.model.result import Result
from leakcheck.model.run import Environment, Run
from leakcheck.reporters.messages.commands import update_command
from leakcheck.runner.collect import Collection
from leakcheck.scenario import Target
from leakcheck.storage import baseline_file


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRef:
    """A baseline, and where it lies."""

    path: Path
    baseline: Baseline
    targets: tuple[str, ...] = ()
    """What to name in a remedy."""
    command: tuple[str, ...] = ()
    """The words of the user's command, whose options a remedy keeps."""

    def entries(self, environment: Environment) -> Mapping[str, BaselineEntry]:
        """Return what is accepted in an environment. Raises BaselineMissing where nothing is."""
        entries = self.baseline.environments.get(environment.key)
        if entries:
            return entries
        there = ", ".join(key for key, held in sorted(self.baseline.environments.items()) if held)
        raise BaselineMissing(
            f"{self.path}: holds nothing for {environment.key}, which is measured here; "
            f"it holds {there or 'nothing at all'}. Measure there, or accept what is here: "
            f"{update_command(self.targets, self.command)}"
        )


def load_against(settings: Settings, targets: Sequence[str] = (), command: Sequence[str] = ()) -> BaselineRef:
    """Return the baseline that the settings name.

    Raises BaselineMissing where there is none, and StoreError where it is broken.
    """
    baseline = baseline_file.load_baseline(settings.baseline)
    if baseline is None:
        remedy = update_command(targets, command)
        raise BaselineMissing(f"{settings.baseline}: there is no baseline yet; accept what is here: {remedy}")
    return BaselineRef(path=settings.baseline, baseline=baseline, targets=tuple(targets), command=tuple(command))


def compared_run(run: Run, against: BaselineRef, settings: Settings, today: date) -> Run:
    """Return a saved run as it would be, had it been compared. Raises BaselineMissing."""
    if run.environment is None:
        return run
    entries = against.entries(run.environment)
    results = tuple(_compared(result, entries.get(result.id), settings, today) for result in run.results)
    return replace(run, results=without_ambiguous(results), baseline=str(against.path))


def _compared(result: Result, accepted: BaselineEntry | None, settings: Settings, today: date) -> Result:
    if result.growth is None and result.trouble is not None:
        return result  # its file could not be read, or it broke off before there was a figure
    said = Explanation(
        containers=result.containers,
        retention_paths=result.retention_paths,
        sites=result.sites,
        sites_meter=result.sites_meter,
        explained_fraction=result.explained_fraction,
    )
    return with_known(compared(result, accepted, settings.change), said, settings.known, today)


def refuse_same_ids(named: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError where two scenarios have one id (the first of each pair), by which a baseline knows them."""
    seen: dict[str, str] = {}
    for name, target in named:
        if seen.setdefault(name, target) != target:
            raise UsageError(
                f"{target} and {seen[name]}: both are called {name}, and a baseline knows a scenario by its name; "
                "give one another with @scenario(name=...)"
            )


def gone(
    entries: Mapping[str, BaselineEntry],
    found: Collection,
    *,
    folder: Path,
    targets: Sequence[Target],
    matches: Matches,
) -> tuple[str, ...]:
    """Return the ids of entries that the targets held once, and hold no longer. `folder` is the baseline's.

    What `-k` leaves out, what lies in a file that could not be read, and a URL that was left out for a reason is not
    known to be gone.
    """
    left_out = {one.request for one in found.left_out}
    unread = {
        _read_from(one.target) for one in found.failed if one.trouble is not None and one.trouble.kind != "nothing"
    }
    return tuple(
        name
        for name, entry in sorted(entries.items())
        if name not in found.whole
        and name not in left_out
        and matches(name)
        and (_home(entry.target, folder) or entry.target.partition(" ")[0]) not in unread
        and any(covers(target, name, entry.target, folder) for target in targets)
    )


def _read_from(target: str) -> Path | str:
    """Return the file of a target, or the application of a site's."""
    site, found, _ = target.partition(" ")
    return site if found and "::" not in target else _file(target)


def covers(target: Target, name: str, place: str, folder: Path) -> bool:
    """Tell whether a target holds the scenario of that id, whose place is spelled as by a baseline in `folder`."""
    if target.requests:
        site, _, request = place.partition(" ")
        every = f"{request.partition(':')[0]}:*"
        return site == f"{target.module}:{target.name}" and bool({request, every} & {*target.requests})
    if target.path is None:
        return place == str(target)
    home = _home(place, folder)
    if home is None or not home.is_relative_to(_file(target.path)):
        return False
    scenario = place.partition("::")[2]
    return target.name in (None, scenario) and (target.variant is None or name == f"{scenario}[{target.variant}]")


def spelled(target: str, folder: Path) -> str:
    """Return a scenario's target as a baseline in `folder` spells it, however it was named: without this machine."""
    path, separator, name = target.partition("::")
    if not separator:
        return target
    return f"{Path(os.path.relpath(_file(path), _file(folder))).as_posix()}::{name}"


def _home(place: str, folder: Path) -> Path | None:
    """Return the file of a scenario; None where it is a callable in a module."""
    path, separator, _ = place.partition("::")
    # by its letters alone: the baseline is a stranger's, and need not name anything that there is
    return Path(os.path.abspath(_file(folder) / path)) if separator else None  # noqa: PTH100


def _file(path: Path | str) -> Path:
    return Path(path).resolve()
