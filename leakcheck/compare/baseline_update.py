"""Update the baseline: accept the figures of a run, except those of failed and inconclusive results."""

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
from leakcheck.runner.baseline import covers, refuse_same_ids, relative_target
from leakcheck.runner.session import exit_code
from leakcheck.scenario import Target
from leakcheck.storage import baseline_file, git

_MAX_LISTED_FILES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineUpdate:
    """The new baseline, and the change of each scenario."""

    baseline: Baseline
    steps: tuple[BaselineStep, ...]
    refused: tuple[Result, ...]
    """Results that are not accepted: they failed or are inconclusive."""

    @property
    def changes_anything(self) -> bool:
        """Whether the baseline has to be written."""
        return any(step.before != step.after for step in self.steps)

    def exit_code(self, *, allow_inconclusive: bool) -> ExitCode:
        """Return the exit code for the refused results; WITHIN if there are none."""
        failed = [result for result in self.refused if result.gate is Gate.ERROR]
        codes = [exit_code(failed)] if failed else []
        if len(failed) < len(self.refused) and not allow_inconclusive:
            codes.append(ExitCode.INCONCLUSIVE)
        return worst(codes)


def update_baseline(
    old: Baseline | None, run: Run, settings: Settings, *, gone: Iterable[str] = (), reason: str | None = None
) -> BaselineUpdate:
    """Return the baseline with the results of a run accepted, and the scenarios `gone` removed.

    All other entries stay. Raises NothingMeasured for a run without results.
    """
    if run.environment is None or not run.results:
        raise NothingMeasured("nothing was measured, so there is nothing to accept")
    old = old or Baseline(schema=SCHEMA)
    folder, key = settings.baseline.parent, run.environment.key
    before = old.environments.get(key, {})
    accepted = {
        result.id: accept(
            result,
            relative_target(result.target, folder),
            before.get(result.id),
            allowance=settings.change,
            reason=reason,
        )
        for result in run.results
        if is_acceptable(result)
    }
    refuse_same_ids((result.id, result.target) for result in run.results)
    removed = [name for name in gone if name in before]
    environments: dict[str, Mapping[str, BaselineEntry]] = {
        **old.environments,
        key: {name: entry for name, entry in {**before, **accepted}.items() if name not in removed},
    }
    if not environments[key]:
        del environments[key]
    return BaselineUpdate(
        baseline=replace(old, environments=environments),
        steps=tuple(
            BaselineStep(scenario=name, before=before.get(name), after=accepted.get(name))
            for name in (*accepted, *removed)
        ),
        refused=tuple(result for result in run.results if not is_acceptable(result)),
    )


def refuse_dirty_tree(settings: Settings) -> None:
    """Raise UsageError if there are uncommitted changes: the figures could not be reproduced from a commit."""
    changed = git.changed_files([settings.output, settings.baseline])
    if changed:
        more = len(changed) - _MAX_LISTED_FILES
        names = ", ".join(changed[:_MAX_LISTED_FILES]) + (f" and {more} more" if more > 0 else "")
        raise UsageError(f"uncommitted changes: {names}; commit them, or pass --allow-dirty")


def refuse_dirty_run(run: Run, path: Path) -> None:
    """Raise UsageError if a saved run was measured with uncommitted changes."""
    if run.environment is not None and run.environment.git_dirty:
        raise UsageError(f"{path}: was measured with uncommitted changes; pass --allow-dirty to accept it")


def select_results(run: Run, settings: Settings, targets: Sequence[Target], matches: Matches) -> Run:
    """Return the run with only those results that match the expression and, if there are any, the targets."""
    folder = settings.baseline.parent
    return replace(
        run,
        results=tuple(
            result
            for result in run.results
            if matches(result.id)
            and (
                not targets
                or any(covers(target, result.id, relative_target(result.target, folder), folder) for target in targets)
            )
        ),
    )


def write(update: BaselineUpdate, settings: Settings) -> None:
    """Write the baseline if it changed. Raises StoreError, and then leaves the old file as it was."""
    if update.changes_anything:
        baseline_file.save_baseline(update.baseline, settings.baseline)
