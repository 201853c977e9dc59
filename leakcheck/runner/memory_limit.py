"""The limit pass: a real server under a memory limit, which is sent a number of requests over HTTP."""

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.memory_limit import failures_of, forecast_exhaustion, successes_of, wilson_interval
from leakcheck.model.failure import Failure, FailureKind, MeasurementStopped, WorkerFailed, undecodable_answer
from leakcheck.model.memory_limit import LimitRequest, LimitResult
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Growth
from leakcheck.runner.answer_decoding import decode
from leakcheck.runner.task import Task, Watch
from leakcheck.runner.worker_process import WorkerProcess

if TYPE_CHECKING:
    from leakcheck.runner.load_generator import LoadResult

_PACKAGES = {"uvicorn": "gunicorn uvicorn uvicorn-worker", "gunicorn": "gunicorn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """The answer of a server that listens."""

    port: int
    limiter: str
    server: str


def serve_under_limit(task: Task, serving: LimitRequest, growth: Growth | None, watch: Watch) -> LimitResult | Failure:
    """Return how the scenario did, or why it could not be served. Raises MeasurementStopped alone."""
    try:
        ready, load, exits, seconds = _serve(task, serving, watch)
    except WorkerFailed as failed:
        return _with_remedy(failed.failure)
    kinds = [response.failure for response in load.answers]
    errors, requests = sum(map(bool, kinds)), len(kinds)
    foretold = None
    if growth is not None and load.at_first is not None:
        foretold = forecast_exhaustion(growth, serving.memory_bytes, *load.at_first)
    return LimitResult(
        limiter=ready.limiter,
        memory_bytes=serving.memory_bytes,
        server=ready.server,
        requests=requests,
        errors=errors,
        error_rate=wilson_interval(errors, requests),
        failures=failures_of(kinds),
        crashes=exits,
        crashes_per_1000=1000 * exits / max(requests, 1),
        latency_seconds=successes_of([response.seconds for response in load.answers if not response.failure]),
        peak_rss_bytes=max(load.peaks.values(), default=None),
        other_requests=load.others,
        other_errors=load.other_failures,
        concurrency=serving.concurrency,
        first_failure=min((response.number for response in load.answers if response.failure), default=None),
        predicted=foretold,
        duration_seconds=seconds,
    )


def _serve(task: Task, serving: LimitRequest, watch: Watch) -> "tuple[_Ready, LoadResult, int, float]":
    """Send a server the requests; return it, its load, how many of its workers ended, and how many seconds it took.

    Raises WorkerFailed where it does not start, or no request succeeds.
    """
    # here: httpx takes as long to import as all of leakcheck, and few runs have a limit pass
    from leakcheck.runner.load_generator import drive

    began = time.monotonic()
    options = {**asdict(serving), "threads": serving.threads}
    with WorkerProcess(task.pass_request(Pass.LIMIT, serving=options), task.worker_limits) as worker:
        ready = decode(worker.start(), _Ready)
        if not 1 <= ready.port < 1 << 16:
            raise undecodable_answer(f"there is no port {ready.port}")
        load = drive(
            ready.port,
            requests=serving.requests,
            concurrency=serving.concurrency,
            timeout_seconds=serving.timeout_seconds,
            watch=lambda so_far: watch(
                task.request.scenario, f"request {len(so_far.answers):,} of {serving.requests:,}", ReplayProgress()
            ),
            is_over=lambda: task.stop.is_set() or not worker.is_alive,
        )
        if task.stop.is_set():
            raise MeasurementStopped
        try:
            exits = sum(message["kind"] == "exit" for message in worker.received())
        except WorkerFailed:
            if all(response.failure for response in load.answers):
                raise
            exits = 1  # the server itself, after it had answered requests
        return ready, load, exits, time.monotonic() - began


def _with_remedy(failure: Failure) -> Failure:
    if failure.kind is not FailureKind.MISSING:
        return failure
    name = next((package for package in _PACKAGES if package in failure.message), "gunicorn")
    message = f"{name} is not installed in the measured environment; install it: pip install {_PACKAGES[name]}"
    return Failure(kind=FailureKind.MISSING, message=message)
