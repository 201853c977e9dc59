"""Which jobs run in parallel: the rule of admission by a scripted clock, and the scheduler that applies it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.runner.machine import cores
from leakcheck.runner.scheduler import Capacity, Job, admit, capacity_for, run_parallel

CAPACITY = Capacity(jobs=2, memory_bytes=100)
LONGEST_SECONDS = 60.0
"""A timeout, ten times what any test takes: a broken scheduler must not hang the tests."""

# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "running", "expected"),
    [
        ([], [], 0),
        ([10, 10, 10], [], 2),
        ([10, 10], [10], 1),
        ([10], [10, 10], 0),
        # exactly full, and one byte more
        ([50, 50], [], 2),
        ([50, 51], [], 1),
        ([50], [50], 1),
        ([51], [50], 0),
        # larger than the capacity: it runs alone
        ([101], [], 1),
        ([101, 1], [], 1),
        ([101], [1], 0),
        ([1], [101], 0),
        # a small job does not overtake a large one that waits before it
        ([60, 10], [50], 0),
    ],
)
def test_as_many_jobs_start_as_fit_in_their_order(waiting: list[float], running: list[float], expected: int) -> None:
    assert admit(waiting, running, CAPACITY) == expected


@dataclass
class Schedule:
    """When each job started by a scripted clock, and which jobs exceeded the capacity together."""

    started: dict[int, float] = field(default_factory=dict)
    most_at_once: int = 0
    overfull: list[list[int]] = field(default_factory=list)


def scheduled(needs: Sequence[float], seconds: Sequence[float], capacity: Capacity) -> Schedule:
    """Run jobs that need so much memory for so many seconds by the rule of admission."""
    schedule, now = Schedule(), 0.0
    waiting, ends = list(range(len(needs))), dict[int, float]()
    while waiting or ends:
        count = admit([needs[job] for job in waiting], [needs[job] for job in ends], capacity)
        for job in waiting[:count]:
            schedule.started[job], ends[job] = now, now + seconds[job]
        del waiting[:count]
        schedule.most_at_once = max(schedule.most_at_once, len(ends))
        if len(ends) > 1 and sum(needs[job] for job in ends) > capacity.memory_bytes:
            schedule.overfull.append(list(ends))
        next_to_end = min(ends, key=lambda job: (ends[job], job))
        now = ends.pop(next_to_end)
    return schedule


JOBS = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 20)), min_size=1, max_size=20)


@given(JOBS, st.integers(1, 5))
def test_jobs_that_run_together_always_fit_and_every_job_runs(jobs: list[tuple[int, int]], slots: int) -> None:
    schedule = scheduled(
        [need for need, _ in jobs], [seconds for _, seconds in jobs], Capacity(jobs=slots, memory_bytes=100)
    )
    assert schedule.overfull == []
    assert 1 <= schedule.most_at_once <= slots
    assert len(schedule.started) == len(jobs)


@given(JOBS, st.integers(1, 5))
def test_jobs_start_in_their_order(jobs: list[tuple[int, int]], slots: int) -> None:
    schedule = scheduled(
        [need for need, _ in jobs], [seconds for _, seconds in jobs], Capacity(jobs=slots, memory_bytes=100)
    )
    starts = [schedule.started[job] for job in range(len(jobs))]
    assert starts == sorted(starts)


def test_a_large_job_does_not_starve_behind_many_small_ones() -> None:
    # GIVEN small jobs that always leave one slot free, and a large one among them
    needs = [10.0, 100.0, *[10.0] * 50]
    schedule = scheduled(needs, [3.0, 1.0, *[2.0] * 50], CAPACITY)
    # THEN it starts as soon as the jobs before it have ended
    assert schedule.started[1] == 3


# --- the scheduler --------------------------------------------------------------------------------


def squared(number: int) -> Callable[[], int]:
    return lambda: number * number


def test_every_answer_comes_with_the_number_of_its_job() -> None:
    jobs = [Job(work=squared(number), memory_bytes=40) for number in range(20)]
    assert dict(run_parallel(jobs, CAPACITY)) == {number: number * number for number in range(20)}


def test_no_jobs_yield_nothing() -> None:
    assert list(run_parallel([], CAPACITY)) == []


def test_two_jobs_that_fit_run_at_the_same_time() -> None:
    # GIVEN two jobs that each wait for the other to start
    barrier = threading.Barrier(2, timeout=LONGEST_SECONDS)
    jobs = [Job(work=barrier.wait, memory_bytes=50) for _ in range(2)]
    assert sorted(answer for _, answer in run_parallel(jobs, CAPACITY)) == [0, 1]


def test_the_next_job_starts_before_the_last_answer_is_yielded() -> None:
    """The caller may save the answer, which takes a while."""
    second_began = threading.Event()
    answers = run_parallel([Job(work=lambda: None), Job(work=second_began.set)], Capacity(jobs=1, memory_bytes=1e12))
    assert next(answers)[0] == 0
    assert second_began.wait(LONGEST_SECONDS)
    assert [number for number, _ in answers] == [1]


def test_two_jobs_that_do_not_fit_never_run_at_the_same_time() -> None:
    most_running, running, lock = [0], [0], threading.Lock()

    def work() -> None:
        with lock:
            running[0] += 1
            most_running[0] = max(most_running[0], running[0])
        threading.Event().wait(0.01)
        with lock:
            running[0] -= 1

    assert len(list(run_parallel([Job(work=work, memory_bytes=51) for _ in range(4)], CAPACITY))) == 4
    assert most_running == [1]


def test_leaving_early_stops_the_running_jobs_and_starts_no_more() -> None:
    # GIVEN a job that is done at once, one that runs until it is stopped, and one that waits
    stopped, started = threading.Event(), list[str]()

    def hang() -> None:
        assert stopped.wait(LONGEST_SECONDS)

    jobs = [
        Job(work=lambda: None, memory_bytes=10),
        Job(work=hang, memory_bytes=90),
        Job(work=lambda: started.append("late"), memory_bytes=90),
    ]
    # WHEN the caller leaves after the first answer
    for number, _ in run_parallel(jobs, CAPACITY, stop=stopped.set):
        assert number == 0
        break
    # THEN the second was stopped, and the third never started
    assert stopped.is_set()
    assert started == []


def test_an_exception_of_a_job_is_raised_and_stops_the_others() -> None:
    stopped = threading.Event()

    def fail() -> None:
        raise OSError("no")

    def hang() -> None:
        assert stopped.wait(LONGEST_SECONDS)

    jobs = [Job(work=fail), Job(work=hang)]
    with pytest.raises(OSError, match="no"):
        list(run_parallel(jobs, Capacity(jobs=2, memory_bytes=1e12), stop=stopped.set))
    assert stopped.is_set()


def test_there_are_never_more_jobs_than_cores() -> None:
    assert capacity_for(10_000).jobs == capacity_for(None).jobs == cores()
    assert capacity_for(1).jobs == 1
    assert capacity_for(1).memory_bytes > 0
