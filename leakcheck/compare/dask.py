"""Measure two sides on a Dask cluster: all measurements of one scenario are one job, so one machine does them in turn.

If the worker dies, all measurements of that scenario are repeated on another one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from leakcheck.compare.sides import Rounds, SideSource, Watch, alternate, document_name
from leakcheck.model.errors import NothingMeasured
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Environment, Run
from leakcheck.runner.collect import Collection, collect
from leakcheck.runner.executors.dask.client import connect_client
from leakcheck.runner.executors.dask.environment_check import required_environment
from leakcheck.runner.executors.dask.executor import check_workers, failed_result, result_of
from leakcheck.runner.executors.dask.job import DaskJob, JobTask, job_task_of
from leakcheck.runner.executors.dask.submission import STARTED, JobOutcome, submit_jobs
from leakcheck.runner.session import RunRequest, environment_of
from leakcheck.storage import run_file

_ResultKey = tuple[int, str, str | None]
"""Index of the run, target and variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _CollectedSide:
    """The scenarios of one side, ready to be sent to workers."""

    collection: Collection
    environment: Environment | None
    measurements: tuple[JobTask, ...]


def measure_on_cluster(
    before: SideSource,
    after: SideSource,
    *,
    rounds: int,
    cluster: str,
    request_for: Callable[[SideSource], RunRequest],
    output: Path,
    watch: Watch,
    by_variant: bool = False,
) -> Rounds:
    """Measure both sides on a cluster, `rounds` times each, and return their runs.

    `request_for` is called in the side's folder, so that settings and targets are those of the side. Earlier
    measurements are not reused: another machine made them. The documents are saved after each scenario, so an
    interrupted comparison keeps what it has. Raises NothingMeasured, UsageError, StoreError and ExecutorLost.
    """
    sides = (before, after)
    collected = tuple(_collect(side, request_for) for side in sides)
    schedule = list(alternate(before, after, rounds))
    side_of_run = [sides.index(side) for _, side in schedule]

    def name_of(measurement: JobTask) -> str:
        return measurement.request.scenario.name if by_variant else measurement.request.scenario.id

    jobs = list(_jobs(collected, side_of_run, name_of))
    if not jobs:
        raise NothingMeasured(f"{before.label} and {after.label} hold nothing that can be measured")
    empty_runs = [_empty_run(collected[index]) for index in side_of_run]
    documents = [output / document_name(number, is_before=side is before) for number, side in schedule]
    results: dict[_ResultKey, Result] = {}

    def save_runs(*, finished: bool) -> list[Run]:
        runs = [
            _with_results(run, collected[side], index, results, finished=finished)
            for index, (run, side) in enumerate(zip(empty_runs, side_of_run, strict=True))
        ]
        for run, document in zip(runs, documents, strict=True):
            run_file.save(run, document)
        return runs

    for number, outcome in _measure([job for job, _ in jobs], cluster, watch):
        job, run_indexes = jobs[number]
        for index, result in zip(run_indexes, _results(job, outcome), strict=True):
            results[index, result.target, result.variant] = result
        save_runs(finished=False)
    rounds_of_side: tuple[list[Run], list[Run]] = ([], [])
    for index, run in zip(side_of_run, save_runs(finished=True), strict=True):
        rounds_of_side[index].append(run)
    return rounds_of_side


def _measure(jobs: Sequence[DaskJob], cluster: str, watch: Watch) -> Iterator[tuple[int, JobOutcome]]:
    """Yield the index and the outcome of each job as it ends."""

    def report(number: int, name: str, doing: str) -> None:
        if doing.startswith(STARTED):
            watch(f"measuring {name}, {doing}")

    with connect_client(cluster) as connection:
        check_workers(connection, jobs)
        yield from submit_jobs(connection, jobs, report)


def _empty_run(side: _CollectedSide) -> Run:
    return Run(
        schema=SCHEMA,
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=(),
        environment=side.environment,
        results=side.collection.failed,
    )


def _with_results(
    run: Run, side: _CollectedSide, index: int, results: Mapping[_ResultKey, Result], *, finished: bool
) -> Run:
    """Return the run with index `index` with its results so far, in the order of its side's scenarios."""
    scenarios = [measurement.request.scenario for measurement in side.measurements]
    keys = [(index, scenario.target, scenario.variant) for scenario in scenarios]
    measured = tuple(results[key] for key in keys if key in results)
    return replace(
        run,
        results=(*run.results, *measured),
        finished=finished,
        duration_seconds=sum(result.duration_seconds for result in measured),
    )


def _collect(side: SideSource, request_for: Callable[[SideSource], RunRequest]) -> _CollectedSide:
    with chdir(side.folder):
        request = request_for(side)
        collection = collect(request.targets, request.settings, matches=request.matches, options=request.options)
        environment = environment_of(collection, request.settings)
        return _CollectedSide(
            collection=collection,
            environment=environment,
            measurements=() if environment is None else tuple(_measurements(collection, request, environment)),
        )


def _measurements(collection: Collection, request: RunRequest, environment: Environment) -> Iterator[JobTask]:
    for scenario in collection.scenarios:
        required = required_environment(scenario, request.settings, environment)
        yield job_task_of(request.for_scenario(scenario), required)


def _jobs(
    sides: Sequence[_CollectedSide], side_of_run: Sequence[int], name_of: Callable[[JobTask], str]
) -> Iterator[tuple[DaskJob, list[int]]]:
    """Yield a job for each scenario name, with the index of the run that each of its turns belongs to."""
    by_name: dict[str, list[tuple[int, JobTask]]] = {}
    for side, collected in enumerate(sides):
        for measurement in collected.measurements:
            by_name.setdefault(name_of(measurement), []).append((side, measurement))
    for name, members in by_name.items():
        turns = [
            (number, run)
            for run, side_measured in enumerate(side_of_run)
            for number, (side, _) in enumerate(members)
            if side == side_measured
        ]
        job = DaskJob(
            name=name,
            tasks=tuple(measurement for _, measurement in members),
            turns=tuple(number for number, _ in turns),
            keeps_captures=False,
        )
        yield job, [run for _, run in turns]


def _results(job: DaskJob, outcome: JobOutcome) -> list[Result]:
    """Return the results of a job, one for each of its turns."""
    if outcome.answer is not None and outcome.host is not None:
        return [result_of(item, outcome.host, Path()) for item in outcome.answer.results]
    assert outcome.failure is not None
    return [failed_result(job.tasks[number].request, outcome.failure) for number in job.turns]
