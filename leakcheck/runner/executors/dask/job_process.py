"""The process that a Dask worker starts for each job: `python -m leakcheck.….job_process FOLDER WORKER`.

It has a working folder and environment variables of its own, which the threads of a Dask worker could not have. The
job comes as the first line of standard input. When standard input ends, the job is not wanted any more or the worker
died, and everything that runs must end. Lines of standard output report the activity; the last one is the answer.
"""

import os
import socket
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO

from leakcheck import __version__
from leakcheck.model.failure import MeasurementStopped, internal_error
from leakcheck.runner.child_process import declare_own_process
from leakcheck.runner.executors.dask.environment_check import differences, enter
from leakcheck.runner.executors.dask.job import DaskJob, JobAnswer, JobResult, JobTask, decode, encode, version_in
from leakcheck.runner.task import Task
from leakcheck.runner.temporary_folders import remove_leftovers, temporary_folder

DOING, ANSWER = b"doing ", b"answer "
MOST_CAPTURE_BYTES = 256 * 1024 * 1024
"""A larger capture stays on the worker; the result has what it shows of the peak."""

Watch = Callable[[str, str], None]
"""Called with the scenario's id, and what is being done."""


def main() -> None:
    """Run one job to its end."""
    shared_folder, worker = Path(sys.argv[1]), sys.argv[2]
    # whatever else this process prints must not be taken for a line of the protocol
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    data = sys.stdin.buffer.readline()
    declare_own_process()
    remove_leftovers()
    stop = Event()
    Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()

    def watch(name: str, doing: str) -> None:
        _write(out, DOING + encode([name, doing]) + b"\n")

    try:
        answer = _run(data, shared_folder, worker, stop, watch)
    except MeasurementStopped:
        return
    except Exception as error:
        sys.exit(internal_error(error))
    _write(out, ANSWER + encode(answer) + b"\n")


def _run(data: bytes, shared_folder: Path, worker: str, stop: Event, watch: Watch) -> JobAnswer:
    """Return the answer to a job. Raises MeasurementStopped, and whatever a broken installation raises."""
    host = socket.gethostname()
    if (version := version_in(data)) != __version__:
        return JobAnswer(host=host, worker=worker, refused=(f"leakcheck: {version}, {__version__}",))
    job = decode(data, DaskJob)
    to_check: list[JobTask] = []
    for task in job.tasks:
        if all(task.environment != other.environment for other in to_check):
            to_check.append(task)
    refusals = [refusal for task in to_check for refusal in _refusals(task)]
    if refusals or not job.turns:
        return JobAnswer(host=host, worker=worker, refused=tuple(dict.fromkeys(refusals)))
    results = tuple(_measure(job.tasks[turn], job, shared_folder, stop, watch) for turn in job.turns)
    return JobAnswer(host=host, worker=worker, results=results)


def _refusals(task: JobTask) -> list[str]:
    try:
        enter(task.environment)
    except OSError as error:
        return [f"there is no folder {task.environment.folder} ({error.strerror})"]
    return list(differences(task.environment, task.request.scenario.target, task.request.settings))


def _measure(task: JobTask, job: DaskJob, shared_folder: Path, stop: Event, watch: Watch) -> JobResult:
    from leakcheck.runner.measure import measure  # slow to import, and a job that only checks does without it

    enter(task.environment)
    with temporary_folder() as folder:
        here = Task(request=task.request, folder=folder, stop=stop, shared_folder=shared_folder)
        result = measure(here, lambda scenario, doing, progress: watch(scenario.id, doing))
        if result.capture is None or not job.keeps_captures:
            return JobResult(result=replace(result, capture=None))
        path = folder / result.capture
        size = path.stat().st_size
        if size > MOST_CAPTURE_BYTES:
            note = f"its capture of {size:,} bytes is too large to fetch from {socket.gethostname()}"
            return JobResult(
                result=replace(
                    result,
                    capture=None,
                    explanation=replace(result.explanation, notes=(*result.explanation.notes, note)),
                )
            )
        return JobResult(result=result, capture=zlib.compress(path.read_bytes()))


def _stop_at_end_of_input(stop: Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


def _write(out: BinaryIO, line: bytes) -> None:
    out.write(line)
    out.flush()


if __name__ == "__main__":
    main()
