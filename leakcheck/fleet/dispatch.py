"""The executor that measures on a cluster: tasks become errands, and what comes back becomes results."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from leakcheck.analysis.progress import Progress
from leakcheck.errors import UsageError
from leakcheck.fleet import cluster as clusters
from leakcheck.fleet.cluster import Cluster, Member
from leakcheck.fleet.errands import Answer, Errand, Measurement, decode, encode, measurement_of
from leakcheck.fleet.places import place_here
from leakcheck.fleet.receiving import not_measured, result_of
from leakcheck.fleet.sending import PATIENCE_SECONDS, SAME_EVERYWHERE, refusal_words, sent, worker_command
from leakcheck.model import Environment, Result
from leakcheck.task import Task, Watch

_POLL_SECONDS = 0.2
_EXAMPLE_BYTES, _EXAMPLE_CORES = 8e9, 2


@contextmanager
def connected(address: str) -> Iterator["Dispatch"]:
    """Connect to a scheduler and yield the executor that measures there. Raises UsageError as `cluster` does."""
    with clusters.connected(address) as cluster:
        yield Dispatch(cluster)


class Dispatch:
    """A cluster as an Executor."""

    waiting = None

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def measured(
        self, tasks: Sequence[Task], environment: Environment | None, watch: Watch
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as an Executor does. Raises UsageError where a worker cannot measure this as it should."""
        if environment is None or not tasks:
            return
        errands = [_errand_of(task, environment) for task in tasks]
        check(self._cluster, errands)

        def told(number: int, name: str, doing: str) -> None:
            watch(tasks[number].scenario, doing, Progress())

        for number, came in sent(self._cluster, errands, told):
            if came.answer is not None and came.elsewhere is not None:
                (done,) = came.answer.done
                yield number, result_of(done, came.elsewhere, tasks[number].folder)
            elif came.trouble is not None:
                yield number, not_measured(errands[number].measurements[0], came.trouble)


def _errand_of(task: Task, environment: Environment) -> Errand:
    place = place_here(task.scenario, task.settings, environment)
    return Errand(name=task.scenario.id, measurements=(measurement_of(task, place),))


def check(cluster: Cluster, errands: Sequence[Errand]) -> None:
    """Have all workers look whether they could do the errands. Raises UsageError with what is wrong with each."""
    members = _members(cluster)
    question = Errand(name="look", measurements=tuple(_one_for_each_folder(errands)), turns=())
    refused = [words for one in cluster.looked(encode(question), members).items() if (words := _refusal(*one))]
    if refused:
        raise UsageError(f"--executor dask:{cluster.address}: {'. '.join(refused)}. All {SAME_EVERYWHERE}")


def _members(cluster: Cluster) -> list[Member]:
    """Return the workers that declare what they have. Raises UsageError where none does, for some time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (members := cluster.members()):
        # those that are there and declare nothing will not change their mind
        count = cluster.count()
        if count or time.monotonic() > end:
            there = "has no workers" if not count else f"has {count}, and none declares its cores and memory"
            command = worker_command(cluster.address, _EXAMPLE_BYTES, _EXAMPLE_CORES)
            raise UsageError(f"--executor dask:{cluster.address}: the cluster {there}; start each with: {command}")
        time.sleep(_POLL_SECONDS)
    return members


def _one_for_each_folder(errands: Sequence[Errand]) -> Iterator[Measurement]:
    """Yield measurements whose places, together, name all files of all errands."""
    first: dict[tuple[str, str | None], Measurement] = {}
    files: dict[tuple[str, str | None], dict[str, str]] = {}
    for one in (one for errand in errands for one in errand.measurements):
        key = (one.place.folder, one.place.python)
        first.setdefault(key, one)
        files.setdefault(key, {}).update(one.place.files)
    for key, one in first.items():
        yield replace(one, place=replace(one.place, files=files[key]))


def _refusal(address: str, said: Any) -> str:
    if isinstance(said, BaseException):
        missing = isinstance(said, ModuleNotFoundError) and (said.name or "").startswith("leakcheck")
        what = "has no such leakcheck as this one" if missing else f"failed: {type(said).__name__}: {said}"
        return f"the worker {address} {what}"
    answer = decode(said, Answer)
    return refusal_words(answer) if answer.refused else ""
