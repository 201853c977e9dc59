"""Work side by side: as many at once as there are cores, and only what fits into memory together.

Nobody overtakes. A large one waits for those that were there before it, and never for those behind it, so
it cannot starve; what is larger than all the room there is runs alone.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from leakcheck.runner.machine import cores, free_bytes
from leakcheck.runner.worker_process import MEMORY_SHARE

ASSUMED_BYTES = 256 * 1024 * 1024
"""What a process is taken to need where nobody declared it: a Django project with its libraries takes half of it."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What may be taken at the same time."""

    jobs: int
    memory_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Answer]):
    """One piece of work, and what it takes."""

    work: Callable[[], Answer]
    memory_bytes: float = ASSUMED_BYTES


def room_for(jobs: int | None) -> Capacity:
    """Return the room for so many jobs on this machine as it is now; None for as many as there are cores."""
    most = cores()
    return Capacity(jobs=most if jobs is None else min(jobs, most), memory_bytes=free_bytes() * MEMORY_SHARE)


def admitted(waiting: Sequence[float], running: Sequence[float], room: Capacity) -> int:
    """Return how many of those that wait, in their order, may begin beside those that run. Both are bytes."""
    taken, places = sum(running), room.jobs - len(running)
    is_empty = not running
    count = 0
    for needed in waiting[: max(0, places)]:
        if not is_empty and taken + needed > room.memory_bytes:
            break
        taken, is_empty = taken + needed, False
        count += 1
    return count


def side_by_side(
    jobs: Sequence[Job[Answer]], room: Capacity, *, stop: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Answer]]:
    """Yield the number and the answer of each job as it is done; what a job raises is raised.

    Leaving early calls `stop`, which is to end what is under way, waits for that, and begins nothing more.
    """
    waiting = list(enumerate(jobs))
    running: dict[Future[Answer], int] = {}
    with ThreadPoolExecutor(max_workers=room.jobs) as pool:

        def begin() -> None:
            needed = [job.memory_bytes for _, job in waiting]
            count = admitted(needed, [jobs[number].memory_bytes for number in running.values()], room)
            for number, job in waiting[:count]:
                running[pool.submit(job.work)] = number
            del waiting[:count]

        try:
            begin()
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                ended = [(running.pop(future), future) for future in sorted(done, key=lambda future: running[future])]
                begin()  # first: whoever takes the answers saves them, and a core would wait for the disk
                for number, future in ended:
                    yield number, future.result()
        finally:
            stop()
            pool.shutdown(wait=True, cancel_futures=True)
