"""The executor that measures on a Dask cluster: tasks become jobs, and their answers become results."""

import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.model.errors import StoreError, UsageError
from leakcheck.model.failure import Failure
from leakcheck.model.result import Host, Result
from leakcheck.model.run import Environment
from leakcheck.runner.executors.dask import client as dask_client
from leakcheck.runner.executors.dask.client import ClusterWorker, DaskClient
from leakcheck.runner.executors.dask.environment_check import required_environment
from leakcheck.runner.executors.dask.job import DaskJob, JobAnswer, JobResult, JobTask, decode, encode, job_task_of
from leakcheck.runner.executors.dask.job_process import MOST_CAPTURE_BYTES
from leakcheck.runner.executors.dask.submission import (
    SAME_EVERYWHERE,
    WORKER_WAIT_SECONDS,
    refusal_message,
    submit_jobs,
    worker_command,
)
from leakcheck.runner.growth_pass import GrowthPass
from leakcheck.runner.measure import judged_result
from leakcheck.runner.task import MeasureRequest, Task, Watch
from leakcheck.storage import run_file
from leakcheck.storage.captures import FOLDER, free_name
from leakcheck.storage.document import write_atomically

_POLL_SECONDS = 0.2
_EXAMPLE_BYTES, _EXAMPLE_CORES = 8e9, 2


@contextmanager
def connected(address: str) -> Iterator["DaskExecutor"]:
    """Connect to a scheduler and yield its executor. Raises UsageError as `client.connected` does."""
    with dask_client.connect_client(address) as cluster:
        yield DaskExecutor(cluster)


class DaskExecutor:
    """An Executor that measures on the workers of a Dask cluster."""

    warm_worker = None

    def __init__(self, cluster: DaskClient) -> None:
        self._cluster = cluster

    def measured(
        self, tasks: Sequence[Task], environment: Environment | None, watch: Watch
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as `Executor.measured` does. Raises UsageError where a worker's environment differs."""
        if environment is None or not tasks:
            return
        jobs = [_job_of(task.request, environment) for task in tasks]
        check_workers(self._cluster, jobs)

        def report(number: int, name: str, doing: str) -> None:
            watch(tasks[number].request.scenario, doing, ReplayProgress())

        for number, outcome in submit_jobs(self._cluster, jobs, report):
            if outcome.answer is not None and outcome.host is not None:
                (job_result,) = outcome.answer.results
                yield number, result_of(job_result, outcome.host, tasks[number].folder)
            elif outcome.failure is not None:
                yield number, failed_result(tasks[number].request, outcome.failure)


def _job_of(request: MeasureRequest, environment: Environment) -> DaskJob:
    required = required_environment(request.scenario, request.settings, environment)
    return DaskJob(name=request.scenario.id, tasks=(job_task_of(request, required),))


def check_workers(cluster: DaskClient, jobs: Sequence[DaskJob]) -> None:
    """Have every worker check whether it could run the jobs. Raises UsageError with what is wrong on each."""
    workers = _usable_workers(cluster)
    question = DaskJob(name="look", tasks=tuple(_one_for_each_folder(jobs)), turns=())
    answers = cluster.check_on_workers(encode(question), workers)
    refusals = [refusal for address, answer in answers.items() if (refusal := _refusal(address, answer))]
    if refusals:
        raise UsageError(f"--executor dask:{cluster.address}: {'. '.join(refusals)}. All {SAME_EVERYWHERE}")


def _usable_workers(cluster: DaskClient) -> list[ClusterWorker]:
    """Return the workers that declare resources. Raises UsageError where none does within `WORKER_WAIT_SECONDS`."""
    end = time.monotonic() + WORKER_WAIT_SECONDS
    while not (workers := cluster.usable_workers()):
        # workers that run without declaring resources will not declare any later
        count = cluster.worker_count()
        if count or time.monotonic() > end:
            state = "has no worker that declares its cores and memory" if count else "has no workers"
            command = worker_command(cluster.address, _EXAMPLE_BYTES, _EXAMPLE_CORES)
            raise UsageError(f"--executor dask:{cluster.address}: the cluster {state}; start each with: {command}")
        time.sleep(_POLL_SECONDS)
    return workers


def _one_for_each_folder(jobs: Sequence[DaskJob]) -> Iterator[JobTask]:
    """Yield a task for each folder and interpreter, whose environment names all files that the jobs have there."""
    first: dict[tuple[str, str | None], JobTask] = {}
    files: dict[tuple[str, str | None], dict[str, str]] = {}
    for task in (task for job in jobs for task in job.tasks):
        key = (task.environment.folder, task.environment.python)
        first.setdefault(key, task)
        files.setdefault(key, {}).update(task.environment.files)
    for key, task in first.items():
        yield replace(task, environment=replace(task.environment, files=files[key]))


def _refusal(address: str, answer: Any) -> str:
    """Return why a worker cannot run the jobs; empty where it can. It answered with bytes, or raised an exception."""
    if isinstance(answer, BaseException):
        missing = isinstance(answer, ModuleNotFoundError) and (answer.name or "").startswith("leakcheck")
        what = "does not have this version of leakcheck" if missing else f"failed: {type(answer).__name__}: {answer}"
        return f"the worker {address} {what}"
    decoded = decode(answer, JobAnswer)
    return refusal_message(decoded) if decoded.refused else ""


def result_of(done: JobResult, elsewhere: Host, folder: Path) -> Result:
    """Return the result with the host that measured it, and its capture written to the run's folder here."""
    result = replace(done.result, measured_on=elsewhere)
    if result.capture is None or done.capture is None:
        return replace(result, capture=None)
    try:
        return replace(result, capture=keep_capture(folder, result.capture, done.capture))
    except (StoreError, zlib.error) as error:
        note = f"its capture could not be saved: {error}"
        return replace(
            result, capture=None, explanation=replace(result.explanation, notes=(*result.explanation.notes, note))
        )


def keep_capture(folder: Path, name: str, compressed: bytes) -> str:
    """Write a capture to a run's folder, and return its path relative to it.

    Only the last part of the name that it came with is used, so that it cannot lead out of the folder. Raises
    StoreError where it cannot be written, and zlib.error where the data is not compressed.
    """
    end = PurePosixPath(name.replace("\0", "")).name
    target = free_name(folder / FOLDER / (end if end not in ("", "..") else "capture.bin"))
    run_file.make_folder(target.parent)
    write_atomically(target, zlib.decompressobj().decompress(compressed, MOST_CAPTURE_BYTES))
    return str(target.relative_to(folder))


def failed_result(request: MeasureRequest, failure: Failure) -> Result:
    """Return the result of a request that was not measured because of this failure."""
    return judged_result(request, GrowthPass(failure=failure), None, None)
