"""Send errands and take in what comes back, whatever happens to the workers meanwhile.

No more is sent than the workers can do at once. What waits in a worker's queue when that worker dies counts for Dask
as suspect, and would be given up with what killed it. An errand that lost two workers is set aside and done in the
end, when nothing runs beside it that could be to blame.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from leakcheck.model.answers import Failure
from leakcheck.model.errors import ExecutorLost
from leakcheck.model.result import Host
from leakcheck.model.units import format_size
from leakcheck.runner.executors.dask.client import ClusterWorker, DaskClient, WorkersLost
from leakcheck.runner.executors.dask.job import DaskJob, JobAnswer, decode, encode

PATIENCE_SECONDS = 10.0
"""How long is waited for a worker that an errand fits: one that died may be started again."""

_MOST_BEGUN = 2
_POLL_SECONDS, _MEMBERS_SECONDS = 0.05, 1.0
_KIND = "fleet"
BEGUN = "begun"
"""What is told first of an errand, and again where its worker was lost."""

Watch = Callable[[int, str, str], None]
"""Told an errand's number, the scenario's id, and what is done where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What came of an errand: an answer, or why there is none."""

    elsewhere: Host | None
    answer: JobAnswer | None = None
    trouble: Failure | None = None


def sent(cluster: DaskClient, errands: Sequence[DaskJob], watch: Watch) -> Iterator[tuple[int, JobOutcome]]:
    """Yield the number and the outcome of each errand as it comes; leaving early ends what is under way.

    Raises ExecutorLost where the scheduler is gone.
    """
    return _Submission(cluster, errands, watch).outcomes()


class _Submission:
    def __init__(self, cluster: DaskClient, errands: Sequence[DaskJob], watch: Watch) -> None:
        self._cluster, self._errands, self._watch = cluster, errands, watch
        self._waiting = deque(range(len(errands)))
        self._pending: dict[int, Any] = {}
        self._aside: deque[int] = deque()
        self._attempts: Counter[int] = Counter()
        self._begun: Counter[int] = Counter()
        self._begun_now: Counter[int] = Counter()
        self._where: dict[int, str] = {}
        self._unfit_since: dict[int, float] = {}
        self._members: list[ClusterWorker] = []
        self._asked = 0.0

    def outcomes(self) -> Iterator[tuple[int, JobOutcome]]:
        try:
            while self._waiting or self._pending or self._aside:
                self._ask_for_members()
                came = [*self._heard(), *self._unfit(), *self._received()]
                yield from came
                self._send()
                if not came:
                    time.sleep(_POLL_SECONDS)
        finally:
            self._cluster.cancel(list(self._pending.values()))

    def _ask_for_members(self) -> None:
        if not self._cluster.is_connected:
            raise self._cluster.lost()
        if time.monotonic() - self._asked > _MEMBERS_SECONDS:
            self._members, self._asked = self._cluster.members(), time.monotonic()

    def _send(self) -> None:
        """Send as much as there is room for; what was set aside only when nothing else is under way."""
        room = sum(one.slots for one in self._members) - len(self._pending)
        fitting = [number for number in self._waiting if self._fits(number)][: max(0, room)]
        for number in fitting:
            self._waiting.remove(number)
        if not self._waiting and not self._pending and not fitting and self._aside and self._fits(self._aside[0]):
            fitting = [self._aside.popleft()]
        for number in fitting:
            errand = self._errands[number]
            self._attempts[number] += 1
            self._begun_now[number] = 0
            key = f"{self._cluster.run}-{number}-{self._attempts[number]}"
            self._pending[number] = self._cluster.send(encode(errand), key, errand.needs)

    def _fits(self, number: int) -> bool:
        return any(one.fits(self._errands[number].needs) for one in self._members)

    def _heard(self) -> Iterator[tuple[int, JobOutcome]]:
        """Take in what workers told, and give up on what is begun too often."""
        while not self._cluster.told.empty():
            told = self._cluster.told.get()
            number, attempt = map(int, told.key.removeprefix(f"{self._cluster.run}-").split("-"))
            if number not in self._pending or attempt != self._attempts[number]:
                continue
            where = told.worker.partition("://")[2]
            if told.doing:
                name, doing = decode(told.doing, tuple[str, str])
                self._watch(number, name, f"{doing} on {where}")
                continue
            self._where[number] = told.worker
            self._begun[number] += 1
            self._begun_now[number] += 1
            again = "again, because a worker was lost, " if self._begun[number] > 1 else ""
            self._watch(number, self._errands[number].name, f"{BEGUN} {again}on {where}")
            if self._begun_now[number] > (1 if self._is_alone(number) else _MOST_BEGUN):
                self._cluster.cancel([self._pending.pop(number)])
                yield from self._given_up(number)

    def _is_alone(self, number: int) -> bool:
        return self._attempts[number] > 1

    def _given_up(self, number: int) -> Iterator[tuple[int, JobOutcome]]:
        """Set aside what lost its workers; say so where it was alone."""
        if not self._is_alone(number):
            self._aside.append(number)
            return
        message = (
            f"each worker that measured it was lost, the last time when it was alone ({self._begun[number]} in all); "
            "look into the worker's log: most often its machine ran out of memory"
        )
        yield number, self._in_trouble(number, message)

    def _unfit(self) -> Iterator[tuple[int, JobOutcome]]:
        """Give up what no worker has had room for, for so long."""
        now = time.monotonic()
        for number in [*self._waiting, *self._aside, *self._pending]:
            if self._fits(number):
                self._unfit_since.pop(number, None)
            elif now - self._unfit_since.setdefault(number, now) > PATIENCE_SECONDS:
                if number in self._pending:
                    self._cluster.cancel([self._pending.pop(number)])
                else:
                    (self._waiting if number in self._waiting else self._aside).remove(number)
                yield number, self._in_trouble(number, self._why_unfit(number))

    def _why_unfit(self, number: int) -> str:
        needs = self._errands[number].needs
        largest = max(self._members, key=lambda one: one.has["memory"], default=None)
        there = "there is none" if largest is None else f"the largest has {largest.words}"
        lost = f"it was begun {self._begun[number]} times and lost its workers, and " if self._begun[number] else ""
        return (
            f"{lost}no worker of {self._cluster.address} has the {needs['cores']:g} core and "
            f"{format_size(needs['memory'])} of memory that it needs: {there}; start one with "
            f"`{worker_command(self._cluster.address, needs['memory'])}`, or declare less by memory= of its @scenario"
        )

    def _received(self) -> Iterator[tuple[int, JobOutcome]]:
        for number, future in list(self._pending.items()):
            if future.status == "pending":
                continue
            del self._pending[number]
            try:
                answer = decode(self._cluster.take(future), JobAnswer)
            except WorkersLost:
                self._begun[number] = max(self._begun[number], 1)
                yield from self._given_up(number)
            except msgspec.ValidationError as error:
                yield number, self._in_trouble(number, f"its worker answered what nobody understands: {error}")
            except ExecutorLost:
                raise
            except Exception as error:  # whatever was raised on the worker
                words = str(error).strip()
                message = f"the worker {self._where.get(number, '')} failed: {type(error).__name__}"
                yield number, self._in_trouble(number, message, details=words)
            else:
                yield number, self._answered(number, answer)

    def _answered(self, number: int, answer: JobAnswer) -> JobOutcome:
        if answer.refused:
            message = f"{refusal_words(answer)}; {SAME_EVERYWHERE}"
            return JobOutcome(elsewhere=None, trouble=Failure(kind=_KIND, message=message))
        begun = max(1, self._begun[number])
        return JobOutcome(elsewhere=Host(host=answer.host, worker=answer.worker, begun=begun), answer=answer)

    def _in_trouble(self, number: int, message: str, details: str = "") -> JobOutcome:
        return JobOutcome(elsewhere=None, trouble=Failure(kind=_KIND, message=message, details=details))


SAME_EVERYWHERE = (
    "workers need the same files at the same path, and the same Python and packages: share the folder and the "
    "environment, or use one image"
)


def refusal_words(answer: JobAnswer) -> str:
    """Return why nothing can be measured on a worker."""
    return f"{answer.host} ({answer.worker}) cannot measure this: {'; '.join(answer.refused)}"


def worker_command(address: str, memory_bytes: float, cores: int = 1) -> str:
    """Return the command that starts a worker which declares so much."""
    return f'dask worker {address} --nthreads {cores} --resources "cores={cores} memory={memory_bytes:.0f}"'
