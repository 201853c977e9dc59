"""A run: collect the scenarios, measure and judge each, and save the results; every command that measures uses it.

The measurement of a scenario is a task: a description and settings go in, and a Result comes out, which also holds
whatever went wrong with the user's code. Nothing is printed here; an Observer is notified.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Protocol

from leakcheck import __version__
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.analysis.gate.verdict import sort_results
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.config.expressions import Matches
from leakcheck.config.settings import Settings
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.errors import ExecutorLost, ExitCode, StoreError, worst
from leakcheck.model.failure import FailureKind
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Environment, Run
from leakcheck.model.verdict import Gate
from leakcheck.runner.baseline import BaselineRef, gone_entries, refuse_same_ids
from leakcheck.runner.collect import Collection, collect
from leakcheck.runner.executors import Executor, executor_for
from leakcheck.runner.shards import share_of
from leakcheck.runner.task import MeasurePlan, MeasureRequest, Task
from leakcheck.runner.temporary_folders import remove_leftovers, temporary_folder
from leakcheck.scenario import Target, replace_surrogates
from leakcheck.storage import git, run_file


class Observer(Protocol):
    """Notified of the progress of a run, for example to show it in a terminal."""

    def collected(self, scenarios: Sequence[ScenarioInfo]) -> None:
        """Called before measuring begins, after `measured` was called for each file that could not be collected."""

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        """Called after each block of calls, and when a pass begins."""

    def measured(self, result: Result) -> None:
        """Called when a scenario is done and saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(MeasurePlan):
    """What to measure, and what to compare it with."""

    targets: Sequence[Target]
    matches: Matches = lambda name: True
    is_ranked: bool = False
    """List the scenarios of the finished run by their growth, and then by their peaks, the largest first."""
    command: Sequence[str] = ()
    baseline: BaselineRef | None = None
    """The baseline to compare with; None where the budgets alone count."""

    def for_scenario(
        self, scenario: ScenarioInfo, baseline_entries: Mapping[str, BaselineEntry] | None = None
    ) -> MeasureRequest:
        """Return the request for one scenario, with its own entry of a baseline."""
        return MeasureRequest(
            **{plan.name: getattr(self, plan.name) for plan in fields(MeasurePlan)},
            scenario=scenario,
            baseline_entries=None
            if baseline_entries is None
            else {name: entry for name, entry in baseline_entries.items() if name == scenario.id},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """A run and how it ended."""

    run: Run
    folder: Path
    collection: Collection | None = None
    save_error: StoreError | None = None
    """Why the document could not be written, if it could not."""
    interrupted: bool = False
    executor_error: ExecutorLost | None = None

    def exit_code(self, *, allow_inconclusive: bool) -> ExitCode:
        """Return the exit code for CI."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.executor_error is not None:
            return self.executor_error.exit_code
        if self.run.shard is not None and not self.run.results:
            return ExitCode.WITHIN  # more shards than scenarios: the others measure them
        return exit_code(self.run.results, allow_inconclusive=allow_inconclusive)


def run(request: RunRequest, observer: Observer) -> RunOutcome:
    """Measure and judge all that the request names, and save the run after each scenario.

    When interrupted, return an outcome with the results so far. Raises LeakcheckError where nothing can be measured,
    the requested baseline has no entries for this environment, or the run's folder cannot be made.
    """
    remove_leftovers()
    with temporary_folder() as shared_folder, executor_for(request.settings) as executor:
        return _run(request, observer, shared_folder, executor)


def _run(request: RunRequest, observer: Observer, shared_folder: Path, executor: Executor) -> RunOutcome:
    started, clock = datetime.now().astimezone(), time.monotonic()
    collection = collect(
        request.targets,
        request.settings,
        matches=request.matches,
        options=request.options,
        shared_folder=shared_folder,
        warm_worker=executor.warm_worker,
    )
    environment = environment_of(collection, request.settings)
    accepted = _accepted(request, collection, environment)
    share, shard = share_of(collection, request.settings)
    folder = run_file.make_run_folder(request.settings.output, started)
    document = Run(
        schema=SCHEMA,
        started=started.isoformat(timespec="seconds"),
        command=tuple(map(replace_surrogates, request.command)),
        environment=environment,
        results=share.failed,
        baseline=None if request.baseline is None else replace_surrogates(str(request.baseline.path)),
        missing_scenarios=_gone(request, collection, accepted),
        shard=shard,
        skipped_requests=share.skipped,
    )
    file = run_file.RunFile(folder / run_file.DOCUMENT)
    outcome = _saved(RunOutcome(run=document, folder=folder, collection=share), file, clock)
    for failed in share.failed:
        observer.measured(failed)
    observer.collected(share.scenarios)
    stop = Event()
    tasks = [
        Task(request=request.for_scenario(scenario, accepted), folder=folder, stop=stop, shared_folder=shared_folder)
        for scenario in share.scenarios
    ]
    results: dict[int, Result] = {}
    try:
        for number, result in executor.measured(tasks, environment, observer.measuring):
            results[number] = result
            in_order = tuple(results[index] for index in sorted(results))
            # before saving: an interrupt of the saving saves the outcome again, and must not lose this result
            outcome = replace(outcome, run=replace(outcome.run, results=(*share.failed, *in_order)))
            outcome = _saved(outcome, file, clock)
            observer.measured(result)
    except KeyboardInterrupt:
        return _saved(replace(outcome, interrupted=True), file, clock)
    except ExecutorLost as lost:
        return _saved(replace(outcome, executor_error=lost), file, clock)
    final = without_ambiguous(outcome.run.results)
    unseen = unseen_entries(request.settings.known, final)
    run = replace(
        outcome.run,
        results=sort_results(final) if request.is_ranked else final,
        finished=True,
        known_leaks_not_found=unseen,
    )
    return _saved(replace(outcome, run=run), file, clock)


def _saved(outcome: RunOutcome, file: run_file.RunFile, clock: float) -> RunOutcome:
    """Save the run and return the outcome; a full disk is noted in it, and does not stop the measuring."""
    outcome = replace(outcome, run=replace(outcome.run, duration_seconds=time.monotonic() - clock))
    try:
        file.save(outcome.run)
    except StoreError as error:
        return replace(outcome, save_error=error)
    return replace(outcome, save_error=None)


def exit_code(results: Iterable[Result], *, allow_inconclusive: bool = False) -> ExitCode:
    """Return the exit code of the worst result; NOTHING_MEASURED for no results."""
    codes = [_code(result) for result in results] or [ExitCode.NOTHING_MEASURED]
    ignored = ExitCode.INCONCLUSIVE if allow_inconclusive else None
    return worst(code for code in codes if code is not ignored)


_CODES = {
    Gate.WITHIN: ExitCode.WITHIN,
    Gate.OVER: ExitCode.OVER_BUDGET,
    Gate.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Gate.ERROR: ExitCode.SCENARIO_FAILED,
}
_FAILURE_CODES = {
    FailureKind.USAGE: ExitCode.USAGE,
    FailureKind.NOTHING: ExitCode.NOTHING_MEASURED,
    FailureKind.INTERNAL: ExitCode.INTERNAL,
}


def _code(result: Result) -> ExitCode:
    code = _CODES[result.gate]
    return code if result.failure is None else _FAILURE_CODES.get(result.failure.kind, code)


def environment_of(collection: Collection, settings: Settings) -> Environment | None:
    """Return the environment of what was collected; None where no process started."""
    if collection.environment is None:
        return None
    changed = git.changed_files([settings.output, settings.baseline])
    return Environment(
        **collection.environment,
        leakcheck=__version__,
        git_commit=(commit := git.commit()),
        git_dirty=bool(changed) if commit and changed is not None else None,
    )


def _accepted(
    request: RunRequest, collection: Collection, environment: Environment | None
) -> Mapping[str, BaselineEntry] | None:
    """Return the baseline's entries; None where nothing is to be compared. Raises BaselineMissing."""
    if request.baseline is None or environment is None:
        return None
    refuse_same_ids((scenario.id, scenario.target) for scenario in collection.scenarios)
    return request.baseline.entries(environment)


def _gone(request: RunRequest, collection: Collection, accepted: Mapping[str, BaselineEntry] | None) -> tuple[str, ...]:
    if request.baseline is None or accepted is None:
        return ()
    folder = request.baseline.path.parent
    return gone_entries(accepted, collection, folder=folder, targets=request.targets, matches=request.matches)
