"""Run jobs in parallel: as many at once as there are cores, and only those that fit into memory together.

Jobs start in order. A large one waits for those before it, and never for those behind it, so it cannot starve; a job
larger than the whole capacity runs alone.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from leakcheck.runner.machine import cores, free_bytes
from leakcheck.runner.worker_process import MEMORY_SHARE

ASSUMED_BYTES = 256 * 1024 * 1024
"""What a process is taken to need where nothing is declared: a Django project with its libraries takes half of it."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many jobs may run, and how much memory they may take, at the same time."""

    jobs: int
    memory_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Answer]):
    """A call, and the memory that it takes."""

    work: Callable[[], Answer]
    memory_bytes: float = ASSUMED_BYTES


def capacity_for(jobs: int | None) -> Capacity:
    """Return the capacity of this machine as it is now, for at most so many jobs; None for as many as cores."""
    most = cores()
    return Capacity(jobs=most if jobs is None else min(jobs, most), memory_bytes=free_bytes() * MEMORY_SHARE)


def admit(waiting: Sequence[float], running: Sequence[float], capacity: Capacity) -> int:
    """Return how many of the waiting jobs, in their order, may start beside the running ones. Both are in bytes."""
    taken, slots = sum(running), capacity.jobs - len(running)
    is_empty = not running
    count = 0
    for needed in waiting[: max(0, slots)]:
        if not is_empty and taken + needed > capacity.memory_bytes:
            break
        taken, is_empty = taken + needed, False
        count += 1
    return count


def run_parallel(
    jobs: Sequence[Job[Answer]], capacity: Capacity, *, stop: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Answer]]:
    """Yield the index and the answer of each job as it is done. Raises what a job raises.

    Leaving early calls `stop`, which is to end the jobs under way, waits for them, and starts no more.
    """
    waiting = list(enumerate(jobs))
    running: dict[Future[Answer], int] = {}
    with ThreadPoolExecutor(max_workers=capacity.jobs) as pool:

        def start() -> None:
            needed = [job.memory_bytes for _, job in waiting]
            count = admit(needed, [jobs[number].memory_bytes for number in running.values()], capacity)
            for number, job in waiting[:count]:
                running[pool.submit(job.work)] = number
            del waiting[:count]

        try:
            start()
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                ended = [(running.pop(future), future) for future in sorted(done, key=lambda future: running[future])]
                start()  # before yielding: the caller saves the answers, and a core would wait for the disk
                for number, future in ended:
                    yield number, future.result()
        finally:
            stop()
            pool.shutdown(wait=True, cancel_futures=True)
