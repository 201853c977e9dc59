"""The load of the limit pass: send a served scenario the counted requests over HTTP, and others beside them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Lock, Thread

import httpx

from leakcheck.runner.process_usage import high_water_mark, status_bytes

_SETTLED_CALLS = 100
"""By then lazy imports are done, and caches and the heaps of threads exist."""

_OTHERS_PAUSE_SECONDS = 0.02
_WATCH_SECONDS = 0.02
_FAILURE, _WORKER = "X-Leakcheck-Failure", "X-Leakcheck-Worker"
_OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedResponse:
    """The outcome of one request."""

    number: int
    failure: str
    """The kind of failure; empty where it succeeded."""
    seconds: float
    worker: int | None


@dataclass(slots=True)
class LoadResult:
    """The outcomes of all requests, and the memory of the workers."""

    answers: list[TimedResponse] = field(default_factory=list)
    others: int = 0
    """How many requests were made beside the counted ones, to work that has nothing to do with the scenario."""
    other_failures: int = 0
    peaks: dict[int, int] = field(default_factory=dict)
    """The peak of each worker's resident memory in bytes (VmHWM), by its pid."""
    at_first: tuple[int, int] | None = None
    """How many calls were answered when a worker was first read, and its data in bytes then (VmData)."""


def drive(
    port: int,
    *,
    requests: int,
    concurrency: int,
    timeout_seconds: float,
    watch: Callable[[LoadResult], None],
    is_over: Callable[[], bool],
) -> LoadResult:
    """Send the requests and return their outcomes; `watch` is called now and then, and `is_over` ends it early."""
    load, done, numbers, lock = LoadResult(), Event(), count(1), Lock()

    def send_requests() -> None:
        with _client(port, timeout_seconds) as client:
            while not is_over():
                with lock:
                    number = next(numbers)
                if number > requests:
                    return
                answer = _send(client, number)
                with lock:
                    load.answers.append(answer)
                    if len(load.answers) == _SETTLED_CALLS and answer.worker is not None:
                        data = status_bytes(answer.worker, "VmData:")
                        load.at_first = None if data is None else (_SETTLED_CALLS, data)
                _note_peak(load, answer.worker)

    def send_other_requests() -> None:
        with _client(port, timeout_seconds) as client:
            while not done.wait(_OTHERS_PAUSE_SECONDS):
                answer = _send(client, 0, "/other")
                load.others += 1
                load.other_failures += bool(answer.failure)

    def read_workers() -> None:
        while not done.wait(_WATCH_SECONDS):
            for worker in list(load.peaks):
                _note_peak(load, worker)
            watch(load)

    threads = [Thread(target=send_other_requests, daemon=True), Thread(target=read_workers, daemon=True)]
    for thread in threads:
        thread.start()
    try:
        with ThreadPoolExecutor(max_workers=concurrency) as pool:
            for future in [pool.submit(send_requests) for _ in range(concurrency)]:
                future.result()
    finally:
        done.set()
        for thread in threads:
            thread.join(timeout_seconds)
    return load


def _client(port: int, timeout_seconds: float) -> httpx.Client:
    # trust_env=False: no proxy of the user's; no keep-alive: the connection's worker may be dead
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=timeout_seconds, trust_env=False, limits=limits)


def _send(client: httpx.Client, number: int, path: str = "/call") -> TimedResponse:
    began = time.perf_counter()
    worker: int | None = None
    try:
        response = client.post(path) if path == "/call" else client.get(path)
        pid = response.headers.get(_WORKER, "")
        worker = int(pid) if pid.isdecimal() else None
        failure = "" if response.is_success else _kind(response)
    except httpx.TimeoutException:
        failure = "timed out"
    except httpx.ConnectError:
        failure = "refused"
    except httpx.HTTPError:
        failure = "disconnected"
    return TimedResponse(number=number, failure=failure, seconds=time.perf_counter() - began, worker=worker)


def _kind(response: httpx.Response) -> str:
    failure = response.headers.get(_FAILURE, "") or f"status {response.status_code}"
    if _OUT_OF_MEMORY in failure.lower():
        return f"driver: {failure}"
    # an exception's message may contain the number of the request: its class alone is the kind
    return failure.partition(":")[0]


def _note_peak(load: LoadResult, worker: int | None) -> None:
    if worker is None:
        return
    peak = high_water_mark(worker)
    if peak is not None:
        load.peaks[worker] = max(peak, load.peaks.get(worker, 0))
