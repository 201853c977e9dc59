"""The process that a worker of the cluster starts for each errand: `python -m ….job_process FOLDER WORKER`.

It has a working folder and variables of its own, which the Dask worker's threads could not have. The errand comes as
the first line of its standard input. When that ends, somebody let go of it: the errand is not wanted any more, or
the worker died, and then nothing may be left that runs. Lines of its standard output tell what is done, and the
last one is the answer.
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
from leakcheck.runner.executors.dask.environment_check import differences_here, enter
from leakcheck.runner.executors.dask.job import DaskJob, JobAnswer, JobResult, JobTask, decode, encode, version_in
from leakcheck.runner.temporary_folders import own_folder, remove_leftovers
from leakcheck.runner.worker_limits import own_this_process

DOING, ANSWER = b"doing ", b"answer "
MOST_CAPTURE_BYTES = 256 * 1024 * 1024
"""A larger capture stays where it was made: what it says of the peak is in the result."""

Say = Callable[[str, str], None]
"""Told the scenario's id, and what is done with it."""


def main() -> None:
    """Run one errand to its end."""
    shared_folder, worker = Path(sys.argv[1]), sys.argv[2]
    # whatever else is printed here must not be taken for a line of ours
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    order = sys.stdin.buffer.readline()
    own_this_process()
    remove_leftovers()
    stop = Event()
    Thread(target=_wait_for_the_end, args=(stop,), daemon=True).start()
    try:
        answer = serve(order, shared_folder, worker, stop, lambda name, doing: _say(out, name, doing))
    except MeasurementStopped:
        return
    except Exception as error:
        sys.exit(internal_error(error))
    _write(out, ANSWER + encode(answer) + b"\n")


def serve(order: bytes, shared_folder: Path, worker: str, stop: Event, say: Say) -> JobAnswer:
    """Return what comes of an errand. Raises Stopped, and whatever is wrong with this installation."""
    host = socket.gethostname()
    if (theirs := version_in(order)) != __version__:
        return JobAnswer(host=host, worker=worker, refused=(f"leakcheck: {theirs}, {__version__}",))
    errand = decode(order, DaskJob)
    places: list[JobTask] = []
    for one in errand.measurements:
        if all(one.place != other.place for other in places):
            places.append(one)
    refused = [why for one in places for why in _refusals(one)]
    if refused or not errand.turns:
        return JobAnswer(host=host, worker=worker, refused=tuple(dict.fromkeys(refused)))
    done = tuple(_measured(errand.measurements[turn], errand, shared_folder, stop, say) for turn in errand.turns)
    return JobAnswer(host=host, worker=worker, done=done)


def _refusals(measurement: JobTask) -> list[str]:
    place = measurement.place
    try:
        enter(place)
    except OSError as error:
        return [f"there is no folder {place.folder} ({error.strerror})"]
    return list(differences_here(place, measurement.scenario.target, measurement.settings))


def _measured(measurement: JobTask, errand: DaskJob, shared_folder: Path, stop: Event, say: Say) -> JobResult:
    from leakcheck.runner.measure import measure  # dear, and not needed to look around

    enter(measurement.place)
    name = measurement.scenario.id
    with own_folder() as folder:
        task = measurement.task(folder, stop, shared_folder)
        result = measure(task, lambda scenario, doing, progress: say(name, doing))
        if result.capture is None or not errand.keeps_captures:
            return JobResult(result=replace(result, capture=None))
        path = folder / result.capture
        size = path.stat().st_size
        if size > MOST_CAPTURE_BYTES:
            note = f"its capture of {size:,} bytes is too large to be brought from {socket.gethostname()}"
            return JobResult(result=replace(result, capture=None, explain_notes=(*result.explain_notes, note)))
        return JobResult(result=result, capture=zlib.compress(path.read_bytes()))


def _wait_for_the_end(stop: Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


def _say(out: BinaryIO, name: str, doing: str) -> None:
    _write(out, DOING + encode([name, doing]) + b"\n")


def _write(out: BinaryIO, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[out.write(rest) :]


if __name__ == "__main__":
    main()
