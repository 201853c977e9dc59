"""Submit jobs and receive their answers, whatever happens to the workers meanwhile.

No more jobs are submitted than the workers can run at once: when a worker dies, Dask counts the jobs in its queue as
suspect too, and would give them up with the one that killed it. A job that lost two workers is set aside and run at
the end, alone, so that no other job can be to blame.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from leakcheck.model.errors import ExecutorLost
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Host
from leakcheck.model.units import format_size
from leakcheck.runner.executors.dask.client import ClusterWorker, DaskClient, WorkersLost
from leakcheck.runner.executors.dask.job import DaskJob, JobAnswer, decode, encode

WORKER_WAIT_SECONDS = 10.0
"""How long to wait for a worker that a job fits: one that died may be started again."""

_MOST_STARTS = 2
_POLL_SECONDS, _WORKERS_SECONDS = 0.05, 1.0
STARTED = "started"
"""The first activity that is reported for a job, and once more each time that its worker was lost."""

Watch = Callable[[int, str, str], None]
"""Called with a job's number, the scenario's id, and the activity with the host it runs on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """The answer of a job, or why there is none."""

    host: Host | None
    answer: JobAnswer | None = None
    failure: Failure | None = None


def submit_jobs(cluster: DaskClient, jobs: Sequence[DaskJob], watch: Watch) -> Iterator[tuple[int, JobOutcome]]:
    """Yield the number and the outcome of each job as it is done; leaving early cancels the others.

    Raises ExecutorLost where the scheduler is gone.
    """
    return _Submission(cluster, jobs, watch).outcomes()


class _Submission:
    def __init__(self, cluster: DaskClient, jobs: Sequence[DaskJob], watch: Watch) -> None:
        self._cluster, self._jobs, self._watch = cluster, jobs, watch
        self._waiting = deque(range(len(jobs)))
        self._pending: dict[int, Any] = {}
        self._set_aside: deque[int] = deque()
        self._attempts: Counter[int] = Counter()
        self._starts: Counter[int] = Counter()
        self._starts_of_attempt: Counter[int] = Counter()
        self._last_worker: dict[int, str] = {}
        self._unfit_since: dict[int, float] = {}
        self._workers: list[ClusterWorker] = []
        self._workers_listed = 0.0

    def outcomes(self) -> Iterator[tuple[int, JobOutcome]]:
        try:
            while self._waiting or self._pending or self._set_aside:
                self._list_workers()
                outcomes = [*self._handle_events(), *self._give_up_unfit(), *self._receive_answers()]
                yield from outcomes
                self._submit()
                if not outcomes:
                    time.sleep(_POLL_SECONDS)
        finally:
            self._cluster.cancel(list(self._pending.values()))

    def _list_workers(self) -> None:
        if not self._cluster.is_connected:
            raise self._cluster.lost()
        if time.monotonic() - self._workers_listed > _WORKERS_SECONDS:
            self._workers, self._workers_listed = self._cluster.usable_workers(), time.monotonic()

    def _submit(self) -> None:
        """Submit as many jobs as there are free slots; one that was set aside only when nothing else is pending."""
        slots = sum(worker.slots for worker in self._workers) - len(self._pending)
        numbers = [number for number in self._waiting if self._fits(number)][: max(0, slots)]
        for number in numbers:
            self._waiting.remove(number)
        if not (self._waiting or self._pending or numbers) and self._set_aside and self._fits(self._set_aside[0]):
            numbers = [self._set_aside.popleft()]
        for number in numbers:
            job = self._jobs[number]
            self._attempts[number] += 1
            self._starts_of_attempt[number] = 0
            key = f"{self._cluster.run}-{number}-{self._attempts[number]}"
            self._pending[number] = self._cluster.submit(encode(job), key, job.needs)

    def _fits(self, number: int) -> bool:
        return any(worker.fits(self._jobs[number].needs) for worker in self._workers)

    def _handle_events(self) -> Iterator[tuple[int, JobOutcome]]:
        """Report what workers logged, and cancel jobs that were started too often."""
        while not self._cluster.events.empty():
            event = self._cluster.events.get()
            number, attempt = map(int, event.key.removeprefix(f"{self._cluster.run}-").split("-"))
            if number not in self._pending or attempt != self._attempts[number]:
                continue
            host = event.worker.partition("://")[2]
            if event.doing:
                name, doing = decode(event.doing, tuple[str, str])
                self._watch(number, name, f"{doing} on {host}")
                continue
            self._last_worker[number] = event.worker
            self._starts[number] += 1
            self._starts_of_attempt[number] += 1
            again = "again, because a worker was lost, " if self._starts[number] > 1 else ""
            self._watch(number, self._jobs[number].name, f"{STARTED} {again}on {host}")
            if self._starts_of_attempt[number] > (1 if self._runs_alone(number) else _MOST_STARTS):
                self._cluster.cancel([self._pending.pop(number)])
                yield from self._set_aside_or_give_up(number)

    def _runs_alone(self, number: int) -> bool:
        return self._attempts[number] > 1

    def _set_aside_or_give_up(self, number: int) -> Iterator[tuple[int, JobOutcome]]:
        """Set aside a job that lost its workers; yield a failure for one that ran alone."""
        if not self._runs_alone(number):
            self._set_aside.append(number)
            return
        message = (
            f"every worker that measured it was lost ({self._starts[number]} in all), the last one while it ran "
            "nothing else; check the worker's log: most often its machine ran out of memory"
        )
        yield number, _failed(message)

    def _give_up_unfit(self) -> Iterator[tuple[int, JobOutcome]]:
        """Yield a failure for each job that has fitted no worker for `WORKER_WAIT_SECONDS`."""
        now = time.monotonic()
        for number in [*self._waiting, *self._set_aside, *self._pending]:
            if self._fits(number):
                self._unfit_since.pop(number, None)
            elif now - self._unfit_since.setdefault(number, now) > WORKER_WAIT_SECONDS:
                if number in self._pending:
                    self._cluster.cancel([self._pending.pop(number)])
                else:
                    (self._waiting if number in self._waiting else self._set_aside).remove(number)
                yield number, _failed(self._why_unfit(number))

    def _why_unfit(self, number: int) -> str:
        needs = self._jobs[number].needs
        largest = max(self._workers, key=lambda worker: worker.resources["memory"], default=None)
        available = "there are no workers" if largest is None else f"the largest has {largest.description}"
        starts = self._starts[number]
        lost = f"it lost its workers {starts} times, and " if starts else ""
        return (
            f"{lost}no worker of {self._cluster.address} has the {needs['cores']:g} core and "
            f"{format_size(needs['memory'])} of memory that it needs: {available}; start one with "
            f"`{worker_command(self._cluster.address, needs['memory'])}`, or declare less with memory= in its @scenario"
        )

    def _receive_answers(self) -> Iterator[tuple[int, JobOutcome]]:
        for number, future in list(self._pending.items()):
            if future.status == "pending":
                continue
            del self._pending[number]
            try:
                answer = decode(self._cluster.result(future), JobAnswer)
            except WorkersLost:
                self._starts[number] = max(self._starts[number], 1)
                yield from self._set_aside_or_give_up(number)
            except msgspec.ValidationError as error:
                yield number, _failed(f"its worker's answer cannot be decoded: {error}")
            except ExecutorLost:
                raise
            except Exception as error:  # whatever was raised on the worker
                message = f"the worker {self._last_worker.get(number, '')} failed: {type(error).__name__}"
                yield number, _failed(message, details=str(error).strip())
            else:
                yield number, self._outcome(number, answer)

    def _outcome(self, number: int, answer: JobAnswer) -> JobOutcome:
        if answer.refused:
            return _failed(f"{refusal_message(answer)}; {SAME_EVERYWHERE}")
        begun = max(1, self._starts[number])
        return JobOutcome(host=Host(host=answer.host, worker=answer.worker, attempts=begun), answer=answer)


def _failed(message: str, details: str = "") -> JobOutcome:
    return JobOutcome(host=None, failure=Failure(kind=FailureKind.CLUSTER, message=message, details=details))


SAME_EVERYWHERE = (
    "workers need the same files at the same path, and the same Python and packages: share the folder and the "
    "environment, or use one image"
)


def refusal_message(answer: JobAnswer) -> str:
    """Return why a worker refused a job, for a message."""
    return f"{answer.host} ({answer.worker}) cannot measure this: {'; '.join(answer.refused)}"


def worker_command(address: str, memory_bytes: float, cores: int = 1) -> str:
    """Return the command that starts a worker which declares these resources."""
    return f'dask worker {address} --nthreads {cores} --resources "cores={cores} memory={memory_bytes:.0f}"'
