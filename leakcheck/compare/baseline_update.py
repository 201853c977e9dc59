"""What an update makes of a baseline: the figures of a run, accepted as far as they are sure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leakcheck.analysis.gate.baseline import accept, is_acceptable
from leakcheck.config.expressions import Matches
from leakcheck.config.settings import Settings
from leakcheck.model.baseline import SCHEMA, Baseline, BaselineEntry, BaselineStep
from leakcheck.model.errors import ExitCode, NothingMeasured, UsageError, worst
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.runner.baseline import covers, refuse_same_ids, spelled
from leakcheck.runner.session import exit_code
from leakcheck.scenario import Target
from leakcheck.storage import baseline_file, git

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineUpdate:
    """A baseline as it is to be written, and what became of each scenario on the way."""

    baseline: Baseline
    steps: tuple[BaselineStep, ...]
    refused: tuple[Result, ...]
    """Not accepted: they failed, or are inconclusive."""

    @property
    def changes_anything(self) -> bool:
        """Tell whether there is something to write."""
        return any(step.before != step.after for step in self.steps)

    def exit_code(self, *, allow_inconclusive: bool) -> ExitCode:
        """Return what it means that something was refused; WITHIN where nothing was."""
        failed = [one for one in self.refused if one.gate is Gate.ERROR]
        codes = [exit_code(failed)] if failed else []
        if len(failed) < len(self.refused) and not allow_inconclusive:
            codes.append(ExitCode.INCONCLUSIVE)
        return worst(codes)


def updated(
    old: Baseline | None, run: Run, settings: Settings, *, gone: Iterable[str] = (), reason: str | None = None
) -> BaselineUpdate:
    """Return the baseline with a run's results accepted; all else stays. Raises NothingMeasured for an empty run."""
    if run.environment is None or not run.results:
        raise NothingMeasured("there is nothing to accept: nothing was measured")
    old = old or Baseline(schema=SCHEMA)
    folder, key = settings.baseline.parent, run.environment.key
    before = old.environments.get(key, {})
    accepted = {
        one.id: accept(one, spelled(one.target, folder), before.get(one.id), allowance=settings.change, reason=reason)
        for one in run.results
        if is_acceptable(one)
    }
    refuse_same_ids((one.id, one.target) for one in run.results)
    removed = [name for name in gone if name in before]
    entries = {name: entry for name, entry in {**before, **accepted}.items() if name not in removed}
    return BaselineUpdate(
        baseline=replace(old, environments=_with(old.environments, key, entries)),
        steps=tuple(
            BaselineStep(scenario=name, before=before.get(name), after=accepted.get(name))
            for name in (*accepted, *removed)
        ),
        refused=tuple(one for one in run.results if not is_acceptable(one)),
    )


def _with(
    environments: Mapping[str, Mapping[str, BaselineEntry]], key: str, entries: Mapping[str, BaselineEntry]
) -> dict[str, Mapping[str, BaselineEntry]]:
    """Return the environments with these entries under a key; a key without entries is no environment."""
    return {name: held for name, held in {**environments, key: entries}.items() if held or name != key}


def refuse_dirty_tree(settings: Settings) -> None:
    """Raise UsageError where the tree has changes that no commit holds: nobody could measure the figures again."""
    changed = git.changed_files([settings.output, settings.baseline])
    if changed:
        more = len(changed) - _MOST_NAMED
        named = ", ".join(changed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        raise UsageError(f"no commit holds {named}; commit first, or accept what is here with --allow-dirty")


def refuse_dirty_run(run: Run, path: Path) -> None:
    """Raise UsageError where a saved run was measured in such a tree."""
    if run.environment is not None and run.environment.git_dirty:
        raise UsageError(f"{path}: was measured with changes that no commit holds; accept it with --allow-dirty")


def picked(run: Run, settings: Settings, targets: Sequence[Target], matches: Matches) -> Run:
    """Return the run with the results alone that the expression and the targets pick; without targets all do."""
    folder = settings.baseline.parent
    return replace(
        run,
        results=tuple(
            one
            for one in run.results
            if matches(one.id)
            and (not targets or any(covers(target, one.id, spelled(one.target, folder), folder) for target in targets))
        ),
    )


def write(update: BaselineUpdate, settings: Settings) -> None:
    """Write the baseline, where something changed. Raises StoreError, and leaves what was there."""
    if update.changes_anything:
        baseline_file.save_baseline(update.baseline, settings.baseline)
