"""Plan, measure, judge: the one road that every door takes.

A scenario's measurement is a pure task: a description and settings go in, a Result comes out, and
whatever the user's code did on the way is in it. Nothing is printed here; an Observer is told.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Protocol

from leakcheck import __version__
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.analysis.gate.verdict import ranked
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.config.settings import Settings
from leakcheck.model import failure
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.errors import ExecutorLost, ExitCode, StoreError, worst
from leakcheck.model.memory_limit import LimitRequest
from leakcheck.model.protocol import OptionValue
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Environment, Run
from leakcheck.model.verdict import Gate
from leakcheck.runner.baseline import BaselineRef, gone, refuse_same_ids
from leakcheck.runner.collect import Collection, find
from leakcheck.runner.executors import Executor, executor_for
from leakcheck.runner.shards import share_of
from leakcheck.runner.task import Task
from leakcheck.runner.temporary_folders import own_folder, remove_leftovers
from leakcheck.scenario import Target, replaced
from leakcheck.storage import git, run_file

Matches = Callable[[str], bool]


class Observer(Protocol):
    """Who watches a run: a terminal, a test report, nobody."""

    def found(self, scenarios: Sequence[ScenarioInfo]) -> None:
        """All scenarios are known, and those that cannot be measured were told; measuring begins."""

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        """A block of calls is done, or a pass begins."""

    def measured(self, result: Result) -> None:
        """A scenario is done and saved."""


class NullObserver:
    """The observer that looks away."""

    def found(self, scenarios: Sequence[ScenarioInfo]) -> None:
        """Ignore."""

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        """Ignore."""

    def measured(self, result: Result) -> None:
        """Ignore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What somebody wants measured, and compared."""

    targets: Sequence[Target]
    settings: Settings
    matches: Matches = lambda name: True
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """`rows` for every pass, `peak.rows` for one."""
    setup: str | None = None
    measure_peak: bool = True
    serving: LimitRequest | None = None
    """How each is to be served under a memory limit, too."""
    is_ranked: bool = False
    """The finished run lists what grows most first, and then what peaks most."""
    command: Sequence[str] = ()
    against: BaselineRef | None = None
    """What to compare with; None where the budgets alone count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """A run as it came out. `unsaved` says why its document could not be written, if it could not."""

    run: Run
    folder: Path
    found: Collection | None = None
    """What the targets hold."""
    unsaved: StoreError | None = None
    interrupted: bool = False
    lost: ExecutorLost | None = None
    """Why it broke off, where who measured was lost in the middle."""

    def exit_code(self, *, allow_inconclusive: bool) -> ExitCode:
        """Return what it means for CI."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.lost is not None:
            return self.lost.exit_code
        if self.run.shard is not None and not self.run.results:
            return ExitCode.WITHIN  # more shards than scenarios: the others measure them
        return exit_code(self.run.results, allow_inconclusive=allow_inconclusive)


def run(request: RunRequest, observer: Observer | None = None) -> RunOutcome:
    """Measure and judge all that the request names, saving after each scenario.

    An interrupt ends the measurement and not the results: what was measured is in the outcome.
    Raises LeakcheckError where nothing can be measured, there is nothing to compare with though that is
    wanted, or the run's folder cannot be made.
    """
    remove_leftovers()
    with own_folder() as shared_folder, executor_for(request.settings) as executor:
        return _run(request, observer or NullObserver(), shared_folder, executor)


def _run(request: RunRequest, observer: Observer, shared_folder: Path, executor: Executor) -> RunOutcome:
    started, clock = datetime.now().astimezone(), time.monotonic()
    whole = find(
        request.targets,
        request.settings,
        matches=request.matches,
        options=request.options,
        shared_folder=shared_folder,
        waiting=executor.waiting,
    )
    environment = environment_of(whole, request.settings)
    accepted = _accepted(request, whole, environment)
    found, shard = share_of(whole, request.settings)
    folder = run_file.make_run_folder(request.settings.output, started)
    document = Run(
        schema=SCHEMA,
        started=started.isoformat(timespec="seconds"),
        command=tuple(map(replaced, request.command)),
        environment=environment,
        results=found.failed,
        baseline=None if request.against is None else replaced(str(request.against.path)),
        baseline_gone=_gone(request, whole, accepted),
        shard=shard,
        left_out=found.left_out,
    )
    file = run_file.RunFile(folder / run_file.DOCUMENT)
    outcome = _saved(RunOutcome(run=document, folder=folder, found=found), file, clock)
    for failed in found.failed:
        observer.measured(failed)
    observer.found(found.scenarios)
    stop = Event()
    tasks = [
        Task(
            scenario=scenario,
            settings=request.settings,
            options=request.options,
            setup=request.setup,
            measure_peak=request.measure_peak,
            serving=request.serving,
            folder=folder,
            stop=stop,
            accepted=accepted,
            shared_folder=shared_folder,
        )
        for scenario in found.scenarios
    ]
    results: dict[int, Result] = {}
    try:
        for number, result in executor.measured(tasks, environment, observer.measuring):
            results[number] = result
            in_order = tuple(results[index] for index in sorted(results))
            # kept before it is saved: who interrupts the saving must not have less saved after it
            outcome = replace(outcome, run=replace(outcome.run, results=(*found.failed, *in_order)))
            outcome = _saved(outcome, file, clock)
            observer.measured(result)
    except KeyboardInterrupt:
        return _saved(replace(outcome, interrupted=True), file, clock)
    except ExecutorLost as lost:
        return _saved(replace(outcome, lost=lost), file, clock)
    judged = without_ambiguous(outcome.run.results)
    unseen = unseen_entries(request.settings.known, judged)
    results_in_order = ranked(judged) if request.is_ranked else judged
    run = replace(outcome.run, results=results_in_order, finished=True, known_unseen=unseen)
    return _saved(replace(outcome, run=run), file, clock)


def _saved(outcome: RunOutcome, file: run_file.RunFile, clock: float) -> RunOutcome:
    """Return the outcome after saving it; a full disk is remembered, and does not stop the measuring."""
    outcome = replace(outcome, run=replace(outcome.run, duration_seconds=time.monotonic() - clock))
    try:
        file.save(outcome.run)
    except StoreError as error:
        return replace(outcome, unsaved=error)
    return replace(outcome, unsaved=None)


def exit_code(results: Iterable[Result], *, allow_inconclusive: bool = False) -> ExitCode:
    """Return what the results mean for CI, the worst one winning; NOTHING_MEASURED for none."""
    codes = [_code(result) for result in results] or [ExitCode.NOTHING_MEASURED]
    forgiven = ExitCode.INCONCLUSIVE if allow_inconclusive else None
    return worst(code for code in codes if code is not forgiven)


_CODES = {
    Gate.WITHIN: ExitCode.WITHIN,
    Gate.OVER: ExitCode.OVER_BUDGET,
    Gate.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Gate.ERROR: ExitCode.SCENARIO_FAILED,
}
_TROUBLE_CODES = {"usage": ExitCode.USAGE, "nothing": ExitCode.NOTHING_MEASURED, failure.KIND: ExitCode.INTERNAL}


def _code(result: Result) -> ExitCode:
    kind = result.trouble.kind if result.trouble is not None else ""
    return _TROUBLE_CODES.get(kind, _CODES[result.gate])


def environment_of(found: Collection, settings: Settings) -> Environment | None:
    """Return where what was found is measured; None where no process could say it."""
    if found.environment is None:
        return None
    changed = git.changed_files([settings.output, settings.baseline])
    return Environment(
        **found.environment,
        leakcheck=__version__,
        git_commit=(commit := git.commit()),
        git_dirty=bool(changed) if commit and changed is not None else None,
    )


def _accepted(
    request: RunRequest, found: Collection, environment: Environment | None
) -> Mapping[str, BaselineEntry] | None:
    """Return what is accepted of each scenario; None where nothing is to be compared. Raises NoBaseline."""
    if request.against is None or environment is None:
        return None
    refuse_same_ids((one.id, one.target) for one in found.scenarios)
    return request.against.entries(environment)


def _gone(request: RunRequest, found: Collection, accepted: Mapping[str, BaselineEntry] | None) -> tuple[str, ...]:
    if request.against is None or accepted is None:
        return ()
    folder = request.against.path.parent
    return gone(accepted, found, folder=folder, targets=request.targets, matches=request.matches)
