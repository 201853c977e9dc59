"""The limit pass: a real server under a memory limit, driven over HTTP until the requests are used up."""

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.memory_limit import failures_of, foretell, successes_of, wilson
from leakcheck.model.answers import Failure
from leakcheck.model.failure import MeasurementStopped, WorkerFailed, misunderstood
from leakcheck.model.memory_limit import LimitRequest, LimitResult
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Growth
from leakcheck.runner.answer_decoding import whole
from leakcheck.runner.task import Task, Watch
from leakcheck.runner.worker_process import WorkerProcess

if TYPE_CHECKING:
    from leakcheck.runner.load_generator import LoadResult

_PACKAGES = {"uvicorn": "gunicorn uvicorn uvicorn-worker", "gunicorn": "gunicorn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ServerRun:
    """What was asked, what was answered, and which workers ended."""

    limiter: str
    server: str
    traffic: "LoadResult"
    exits: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What a server says when it has begun to listen."""

    port: int
    limiter: str
    server: str


def serve_under_limit(task: Task, serving: LimitRequest, growth: Growth | None, watch: Watch) -> LimitResult | Failure:
    """Return how the scenario did, or why it could not be served; raise nothing but Stopped."""
    try:
        served = _serve(task, serving, watch)
    except WorkerFailed as failed:
        return _with_remedy(failed.trouble)
    traffic = served.traffic
    kinds = [answer.failure for answer in traffic.answers]
    errors, requests = sum(map(bool, kinds)), len(kinds)
    foretold = None
    if growth is not None and traffic.at_first is not None:
        foretold = foretell(growth, serving.memory_bytes, *traffic.at_first)
    return LimitResult(
        limiter=served.limiter,
        memory_bytes=serving.memory_bytes,
        server=served.server,
        requests=requests,
        errors=errors,
        error_rate=wilson(errors, requests),
        failures=failures_of(kinds),
        crashes=served.exits,
        crashes_per_1000=1000 * served.exits / max(requests, 1),
        latency_seconds=successes_of([answer.seconds for answer in traffic.answers if not answer.failure]),
        peak_rss_bytes=max(traffic.peaks.values(), default=None),
        other_requests=traffic.others,
        other_errors=traffic.other_failures,
        concurrency=serving.concurrency,
        first_failure=min((answer.number for answer in traffic.answers if answer.failure), default=None),
        foretold=foretold,
        duration_seconds=served.seconds,
    )


def _serve(task: Task, serving: LimitRequest, watch: Watch) -> _ServerRun:
    """Serve and drive. Raises WorkerFailed where the server does not start, or ends without one good answer."""
    from leakcheck.runner.load_generator import (
        drive,  # httpx takes as long to import as all of ours, and few runs serve
    )

    began = time.monotonic()
    asked = {**asdict(serving), "threads": serving.threads}
    with WorkerProcess(task.plan(Pass.LIMIT, serving=asked), task.surroundings) as worker:
        ready = whole(worker.start(), _Ready)
        if not 1 <= ready.port < 1 << 16:
            raise misunderstood(f"there is no port {ready.port}")
        traffic = drive(
            ready.port,
            requests=serving.requests,
            concurrency=serving.concurrency,
            timeout_seconds=serving.timeout_seconds,
            watch=lambda seen: watch(
                task.scenario, f"request {len(seen.answers):,} of {serving.requests:,}", ReplayProgress()
            ),
            is_over=lambda: task.stop.is_set() or not worker.is_alive,
        )
        if task.stop.is_set():
            raise MeasurementStopped
        try:
            exits = sum(answer["kind"] == "exit" for answer in worker.heard())
        except WorkerFailed:
            if all(answer.failure for answer in traffic.answers):
                raise
            exits = 1  # the server itself, after it had answered
        return _ServerRun(
            limiter=ready.limiter,
            server=ready.server,
            traffic=traffic,
            exits=exits,
            seconds=time.monotonic() - began,
        )


def _with_remedy(trouble: Failure) -> Failure:
    if trouble.kind != "missing":
        return trouble
    name = next((one for one in _PACKAGES if one in trouble.message), "gunicorn")
    message = f"there is no {name} where it is measured; install it there: pip install {_PACKAGES[name]}"
    return Failure(kind="missing", message=message)
