"""The limit pass: a real server under a memory limit, driven over HTTP until the requests are used up."""

import time
from dataclasses import asdict
from threading import Event

from leakcheck.analysis.served import failures_of, foretell, successes_of, wilson
from leakcheck.engine import Worker, WorkerFailed
from leakcheck.model import Growth, Trouble
from leakcheck.plan import Pass
from leakcheck.served import Limit, Serving
from leakcheck.task import Task, Watch
from leakcheck.traffic import Traffic, drive

_MISSING = "there is no {name} where it is measured; install it there: pip install {packages}"


def serve_under_limit(task: Task, serving: Serving, growth: Growth | None, watch: Watch) -> Limit | Trouble:
    """Return how the scenario did, or why it could not be served; raise nothing but Stopped."""
    from leakcheck.analysis.progress import Progress

    began = time.monotonic()
    over = Event()
    exits: list[int] = []

    def look(traffic: Traffic) -> None:
        watch(task.scenario, f"request {len(traffic.answers):,} of {serving.requests:,}", Progress())
        if task.stop.is_set():
            over.set()

    try:
        with Worker(
            task.plan(Pass.LIMIT, serving={**asdict(serving), "threads": serving.threads}), task.surroundings
        ) as worker:
            ready = worker.start()
            traffic = drive(
                ready["port"],
                requests=serving.requests,
                concurrency=serving.concurrency,
                timeout_seconds=serving.timeout_seconds,
                watch=look,
                is_over=over.is_set,
            )
            exits = [answer["pid"] for answer in worker.heard()]
    except WorkerFailed as failed:
        return _explained(failed.trouble)
    kinds = [answer.failure for answer in traffic.answers]
    errors = sum(map(bool, kinds))
    requests = len(kinds)
    foretold = None
    if growth is not None and traffic.at_first is not None:
        foretold = foretell(growth, serving.memory_bytes, *traffic.at_first)
    return Limit(
        limiter=ready["limiter"],
        memory_bytes=serving.memory_bytes,
        server=ready["server"],
        requests=requests,
        errors=errors,
        error_rate=wilson(errors, requests),
        failures=failures_of(kinds),
        crashes=len(exits),
        crashes_per_1000=1000 * len(exits) / max(requests, 1),
        latency_seconds=successes_of([answer.seconds for answer in traffic.answers if not answer.failure]),
        peak_rss_bytes=max(traffic.peaks.values(), default=None),
        other_requests=traffic.others,
        other_errors=traffic.other_failures,
        concurrency=serving.concurrency,
        first_failure=min((answer.number for answer in traffic.answers if answer.failure), default=None),
        foretold=foretold,
        duration_seconds=time.monotonic() - began,
    )


def _explained(trouble: Trouble) -> Trouble:
    if trouble.kind != "missing":
        return trouble
    name = "uvicorn-worker" if "uvicorn" in trouble.message else "gunicorn"
    packages = "gunicorn uvicorn uvicorn-worker" if name != "gunicorn" else "gunicorn"
    return Trouble(kind="missing", message=_MISSING.format(name=name, packages=packages))
