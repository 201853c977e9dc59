"""Drive a served scenario over HTTP: the requests that are counted, and the neighbours' beside them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Lock, Thread

import httpx

from leakcheck.runner.process_usage import high_water_mark, status_bytes

_SETTLED_CALLS = 100
"""By then lazy imports, caches and the threads' own heaps are there."""

_NEIGHBOURS_PAUSE_SECONDS = 0.02
_WATCH_SECONDS = 0.02
_FAILURE, _WORKER = "X-Leakcheck-Failure", "X-Leakcheck-Worker"
_OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedResponse:
    """One request as it came out."""

    number: int
    failure: str
    """Its kind; nothing where it succeeded."""
    seconds: float
    worker: int | None


@dataclass(slots=True)
class LoadResult:
    """All that was asked and answered."""

    answers: list[TimedResponse] = field(default_factory=list)
    others: int = 0
    other_failures: int = 0
    peaks: dict[int, int] = field(default_factory=dict)
    """The high-water mark of each worker's resident memory, in bytes (VmHWM), by its pid."""
    at_first: tuple[int, int] | None = None
    """How many calls were answered when the first worker was looked at, and the data it had then (VmData)."""


def drive(
    port: int,
    *,
    requests: int,
    concurrency: int,
    timeout_seconds: float,
    watch: Callable[[LoadResult], None],
    is_over: Callable[[], bool],
) -> LoadResult:
    """Return what came of so many requests; `watch` is told now and then, and `is_over` ends it early."""
    traffic, done, numbers, lock = LoadResult(), Event(), count(1), Lock()

    def ask_in_turn() -> None:
        with _client(port, timeout_seconds) as client:
            while not is_over():
                with lock:
                    number = next(numbers)
                if number > requests:
                    return
                answer = _ask(client, number)
                with lock:
                    traffic.answers.append(answer)
                    if len(traffic.answers) == _SETTLED_CALLS and answer.worker is not None:
                        data = status_bytes(answer.worker, "VmData:")
                        traffic.at_first = None if data is None else (_SETTLED_CALLS, data)
                _note_peak(traffic, answer.worker)

    def neighbours() -> None:
        with _client(port, timeout_seconds) as client:
            while not done.wait(_NEIGHBOURS_PAUSE_SECONDS):
                answer = _ask(client, 0, "/other")
                traffic.others += 1
                traffic.other_failures += bool(answer.failure)

    def look() -> None:
        while not done.wait(_WATCH_SECONDS):
            for worker in list(traffic.peaks):
                _note_peak(traffic, worker)
            watch(traffic)

    beside = [Thread(target=neighbours, daemon=True), Thread(target=look, daemon=True)]
    for thread in beside:
        thread.start()
    try:
        with ThreadPoolExecutor(max_workers=concurrency) as pool:
            for asked in [pool.submit(ask_in_turn) for _ in range(concurrency)]:
                asked.result()
    finally:
        done.set()
        for thread in beside:
            thread.join(timeout_seconds)
    return traffic


def _client(port: int, timeout_seconds: float) -> httpx.Client:
    # no proxy of the user's, and no connection that a dead worker once had
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=timeout_seconds, trust_env=False, limits=limits)


def _ask(client: httpx.Client, number: int, path: str = "/call") -> TimedResponse:
    began = time.perf_counter()
    worker: int | None = None
    try:
        response = client.post(path) if path == "/call" else client.get(path)
        told = response.headers.get(_WORKER, "")
        worker = int(told) if told.isdecimal() else None
        failure = "" if response.is_success else _kind(response)
    except httpx.TimeoutException:
        failure = "timed out"
    except httpx.ConnectError:
        failure = "refused"
    except httpx.HTTPError:
        failure = "disconnected"
    return TimedResponse(number=number, failure=failure, seconds=time.perf_counter() - began, worker=worker)


def _kind(response: httpx.Response) -> str:
    told = response.headers.get(_FAILURE, "") or f"status {response.status_code}"
    if _OUT_OF_MEMORY in told.lower():
        return f"driver: {told}"
    # an exception's message may hold the request's own number: its class is the kind
    return told.partition(":")[0]


def _note_peak(traffic: LoadResult, worker: int | None) -> None:
    if worker is None:
        return
    peak = high_water_mark(worker)
    if peak is not None:
        traffic.peaks[worker] = max(peak, traffic.peaks.get(worker, 0))
