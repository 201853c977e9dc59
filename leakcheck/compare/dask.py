"""Both arms of a comparison on a cluster: all measurements of one scenario are one errand, and so of one machine.

They are made there in turn, as on this machine. If the worker dies, all of them are made again on another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event

from leakcheck.compare.sides import SideSource, Watch, document_name, in_turn, sides_beside
from leakcheck.model.comparison import Comparison
from leakcheck.model.errors import NothingMeasured
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Environment, Run
from leakcheck.runner.collect import Collection, find
from leakcheck.runner.executors.dask.client import connected
from leakcheck.runner.executors.dask.environment_check import place_here
from leakcheck.runner.executors.dask.executor import check, not_measured, result_of
from leakcheck.runner.executors.dask.job import DaskJob, JobTask, measurement_of
from leakcheck.runner.executors.dask.submission import BEGUN, JobOutcome, sent
from leakcheck.runner.session import RunRequest, environment_of
from leakcheck.runner.task import Task
from leakcheck.storage import run_file


@dataclass(frozen=True, slots=True, kw_only=True)
class _CollectedSide:
    """What an arm holds, ready to travel."""

    found: Collection
    environment: Environment | None
    measurements: tuple[JobTask, ...]


def compare_on_cluster(
    before: SideSource,
    after: SideSource,
    *,
    rounds: int,
    cluster: str,
    request_for: Callable[[SideSource], RunRequest],
    output: Path,
    watch: Watch,
    by_variant: bool = False,
) -> Comparison:
    """Measure both sides on a cluster, `rounds` times, and return them beside each other.

    `request_for` is called in the side's folder: settings and targets are those that it has. Nothing that was
    measured before is used again, for another machine measured it. The documents are saved after each scenario, and
    keep what they have where it is broken off. Raises NothingMeasured, UsageError, StoreError, and ExecutorLost.
    """
    sides = (before, after)
    found = tuple(_found(side, request_for) for side in sides)
    rounds_in_turn = list(in_turn(before, after, rounds))
    turns = [sides.index(side) for _, side in rounds_in_turn]

    def name_of(measurement: JobTask) -> str:
        return measurement.scenario.name if by_variant else measurement.scenario.id

    errands = list(_errands(found, turns, name_of))
    if not errands:
        raise NothingMeasured(f"{before.label} and {after.label} hold nothing that can be measured")
    begun = [_begun(found[arm]) for arm in turns]
    places = [output / document_name(number, is_before=side is before) for number, side in rounds_in_turn]
    results: dict[tuple[int, str, str | None], Result] = {}

    def saved(*, finished: bool) -> list[Run]:
        runs = [
            _with_results(begun[turn], found[arm], turn, results, finished=finished) for turn, arm in enumerate(turns)
        ]
        for run, place in zip(runs, places, strict=True):
            run_file.save(run, place)
        return runs

    for number, came in _measured([errand for errand, _ in errands], cluster, watch):
        errand, turns_of_it = errands[number]
        for turn, result in zip(turns_of_it, _results(errand, came), strict=True):
            results[turn, result.target, result.variant] = result
        saved(finished=False)
    by_arm: tuple[list[Run], list[Run]] = ([], [])
    for arm, run in zip(turns, saved(finished=True), strict=True):
        by_arm[arm].append(run)
    return sides_beside(before, after, *by_arm, by_variant=by_variant)


def _measured(errands: Sequence[DaskJob], cluster: str, watch: Watch) -> Iterator[tuple[int, JobOutcome]]:
    """Yield the number of each errand, and what came of it."""

    def told(number: int, name: str, doing: str) -> None:
        if doing.startswith(BEGUN):
            watch(f"measuring {name}, {doing}")

    with connected(cluster) as connection:
        check(connection, errands)
        yield from sent(connection, errands, told)


def _begun(found: _CollectedSide) -> Run:
    """Return a round of a side of which nothing is measured yet."""
    return Run(
        schema=SCHEMA,
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=(),
        environment=found.environment,
        results=found.found.failed,
    )


def _with_results(
    run: Run, found: _CollectedSide, turn: int, results: Mapping[tuple[int, str, str | None], Result], *, finished: bool
) -> Run:
    """Return a round with what has come of it so far, in the order of its side."""
    of_it = [results.get((turn, one.scenario.target, one.scenario.variant)) for one in found.measurements]
    measured = tuple(one for one in of_it if one is not None)
    return replace(
        run,
        results=(*run.results, *measured),
        finished=finished,
        duration_seconds=sum(one.duration_seconds for one in measured),
    )


def _found(side: SideSource, request_for: Callable[[SideSource], RunRequest]) -> _CollectedSide:
    with chdir(side.folder):
        request = request_for(side)
        found = find(request.targets, request.settings, matches=request.matches, options=request.options)
        environment = environment_of(found, request.settings)
        return _CollectedSide(
            found=found,
            environment=environment,
            measurements=() if environment is None else tuple(_measurements(found, request, environment)),
        )


def _measurements(found: Collection, request: RunRequest, environment: Environment) -> Iterator[JobTask]:
    for scenario in found.scenarios:
        task = Task(
            scenario=scenario,
            settings=request.settings,
            options=request.options,
            setup=request.setup,
            measure_peak=request.measure_peak,
            folder=Path(),
            stop=Event(),
        )
        yield measurement_of(task, place_here(scenario, request.settings, environment))


def _errands(
    found: Sequence[_CollectedSide], turns: Sequence[int], name_of: Callable[[JobTask], str]
) -> Iterator[tuple[DaskJob, list[int]]]:
    """Yield an errand for each name, and which turn each of its measurements is for."""
    by_name: dict[str, list[tuple[int, JobTask]]] = {}
    for arm, one in enumerate(found):
        for measurement in one.measurements:
            by_name.setdefault(name_of(measurement), []).append((arm, measurement))
    for name, members in by_name.items():
        in_turn = [
            (number, turn) for turn, arm in enumerate(turns) for number, (of, _) in enumerate(members) if of == arm
        ]
        errand = DaskJob(
            name=name,
            measurements=tuple(measurement for _, measurement in members),
            turns=tuple(number for number, _ in in_turn),
            keeps_captures=False,
        )
        yield errand, [turn for _, turn in in_turn]


def _results(errand: DaskJob, came: JobOutcome) -> list[Result]:
    """Return the results of an errand in its turns."""
    if came.answer is not None and came.elsewhere is not None:
        return [result_of(done, came.elsewhere, Path()) for done in came.answer.done]
    assert came.trouble is not None
    return [not_measured(errand.measurements[number], came.trouble) for number in errand.turns]
