"""The executor that measures on a cluster: tasks become errands, and what comes back becomes results."""

import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.model.answers import Failure
from leakcheck.model.errors import StoreError, UsageError
from leakcheck.model.result import Host, Result
from leakcheck.model.run import Environment
from leakcheck.runner.executors.dask import client as clusters
from leakcheck.runner.executors.dask.client import ClusterWorker, DaskClient
from leakcheck.runner.executors.dask.environment_check import place_here
from leakcheck.runner.executors.dask.job import DaskJob, JobAnswer, JobResult, JobTask, decode, encode, measurement_of
from leakcheck.runner.executors.dask.job_process import MOST_CAPTURE_BYTES
from leakcheck.runner.executors.dask.submission import (
    PATIENCE_SECONDS,
    SAME_EVERYWHERE,
    refusal_words,
    sent,
    worker_command,
)
from leakcheck.runner.growth_pass import GrowthPass
from leakcheck.runner.measure import judged
from leakcheck.runner.task import Task, Watch
from leakcheck.storage import atomic, run_file
from leakcheck.storage.captures import FOLDER, free_name

_POLL_SECONDS = 0.2
_EXAMPLE_BYTES, _EXAMPLE_CORES = 8e9, 2


@contextmanager
def connected(address: str) -> Iterator["DaskExecutor"]:
    """Connect to a scheduler and yield the executor that measures there. Raises UsageError as `cluster` does."""
    with clusters.connected(address) as cluster:
        yield DaskExecutor(cluster)


class DaskExecutor:
    """A cluster as an Executor."""

    waiting = None

    def __init__(self, cluster: DaskClient) -> None:
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
            watch(tasks[number].scenario, doing, ReplayProgress())

        for number, came in sent(self._cluster, errands, told):
            if came.answer is not None and came.elsewhere is not None:
                (done,) = came.answer.done
                yield number, result_of(done, came.elsewhere, tasks[number].folder)
            elif came.trouble is not None:
                yield number, not_measured(errands[number].measurements[0], came.trouble)


def _errand_of(task: Task, environment: Environment) -> DaskJob:
    place = place_here(task.scenario, task.settings, environment)
    return DaskJob(name=task.scenario.id, measurements=(measurement_of(task, place),))


def check(cluster: DaskClient, errands: Sequence[DaskJob]) -> None:
    """Have all workers look whether they could do the errands. Raises UsageError with what is wrong with each."""
    members = _members(cluster)
    question = DaskJob(name="look", measurements=tuple(_one_for_each_folder(errands)), turns=())
    refused = [words for one in cluster.looked(encode(question), members).items() if (words := _refusal(*one))]
    if refused:
        raise UsageError(f"--executor dask:{cluster.address}: {'. '.join(refused)}. All {SAME_EVERYWHERE}")


def _members(cluster: DaskClient) -> list[ClusterWorker]:
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


def _one_for_each_folder(errands: Sequence[DaskJob]) -> Iterator[JobTask]:
    """Yield measurements whose places, together, name all files of all errands."""
    first: dict[tuple[str, str | None], JobTask] = {}
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
    answer = decode(said, JobAnswer)
    return refusal_words(answer) if answer.refused else ""


def result_of(done: JobResult, elsewhere: Host, folder: Path) -> Result:
    """Return a result as if it had been measured here, with its capture in the run's folder, and where it was."""
    result = replace(done.result, elsewhere=elsewhere)
    if result.capture is None or done.capture is None:
        return replace(result, capture=None)
    try:
        return replace(result, capture=keep_capture(folder, result.capture, done.capture))
    except (StoreError, zlib.error) as error:
        note = f"its capture could not be kept: {error}"
        return replace(result, capture=None, explain_notes=(*result.explain_notes, note))


def keep_capture(folder: Path, name: str, compressed: bytes) -> str:
    """Write a capture into a run's folder, and return its name there.

    Of the name that it came with only the end counts, so that it leads nowhere else. Raises StoreError where there is
    no room for it, and zlib.error for what is not compressed.
    """
    end = PurePosixPath(name.replace("\0", "")).name
    target = free_name(folder / FOLDER / (end if end not in ("", "..") else "capture.bin"))
    run_file.make_folder(target.parent)
    atomic.write_atomically(target, zlib.decompressobj().decompress(compressed, MOST_CAPTURE_BYTES))
    return str(target.relative_to(folder))


def not_measured(measurement: JobTask, trouble: Failure, elsewhere: Host | None = None) -> Result:
    """Return the result of what nobody measured."""
    task = measurement.here()
    return replace(judged(task, GrowthPass(trouble=trouble), None, None), elsewhere=elsewhere)
