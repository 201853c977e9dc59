"""Who works beside whom: the rule of admission, played through by a scripted clock, and the crew that keeps to it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.runner.machine import cores
from leakcheck.runner.scheduler import Capacity, Job, admitted, room_for, side_by_side

ROOM = Capacity(jobs=2, memory_bytes=100)
LONGEST_SECONDS = 60.0
"""Nothing here takes a tenth of this; it only keeps a broken crew from hanging the tests."""

# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "running", "expected"),
    [
        ([], [], 0),
        ([10, 10, 10], [], 2),
        ([10, 10], [10], 1),
        ([10], [10, 10], 0),
        # just full, and one byte more
        ([50, 50], [], 2),
        ([50, 51], [], 1),
        ([50], [50], 1),
        ([51], [50], 0),
        # larger than all there is: alone, and nobody beside it
        ([101], [], 1),
        ([101, 1], [], 1),
        ([101], [1], 0),
        ([1], [101], 0),
        # a small one does not pass by the large one that waits before it
        ([60, 10], [50], 0),
    ],
)
def test_so_many_begin(waiting: list[float], running: list[float], expected: int) -> None:
    assert admitted(waiting, running, ROOM) == expected


@dataclass
class Played:
    """What happened by a scripted clock: when each job began, and how much was taken at any moment."""

    began: dict[int, float] = field(default_factory=dict)
    most_at_once: int = 0
    overfull: list[list[int]] = field(default_factory=list)


def play(needs: Sequence[float], seconds: Sequence[float], room: Capacity) -> Played:
    """Let jobs that take so much for so long through the rule, from one that ends to the next."""
    played, now = Played(), 0.0
    waiting, ends = list(range(len(needs))), dict[int, float]()
    while waiting or ends:
        count = admitted([needs[job] for job in waiting], [needs[job] for job in ends], room)
        for job in waiting[:count]:
            played.began[job], ends[job] = now, now + seconds[job]
        del waiting[:count]
        played.most_at_once = max(played.most_at_once, len(ends))
        if len(ends) > 1 and sum(needs[job] for job in ends) > room.memory_bytes:
            played.overfull.append(list(ends))
        next_to_end = min(ends, key=lambda job: (ends[job], job))
        now = ends.pop(next_to_end)
    return played


JOBS = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 20)), min_size=1, max_size=20)


@given(JOBS, st.integers(1, 5))
def test_what_runs_together_always_fits_and_nobody_is_left_out(jobs: list[tuple[int, int]], places: int) -> None:
    played = play([need for need, _ in jobs], [seconds for _, seconds in jobs], Capacity(jobs=places, memory_bytes=100))
    assert played.overfull == []
    assert 1 <= played.most_at_once <= places
    assert len(played.began) == len(jobs)


@given(JOBS, st.integers(1, 5))
def test_nobody_begins_before_somebody_who_came_earlier(jobs: list[tuple[int, int]], places: int) -> None:
    played = play([need for need, _ in jobs], [seconds for _, seconds in jobs], Capacity(jobs=places, memory_bytes=100))
    began = [played.began[job] for job in range(len(jobs))]
    assert began == sorted(began)


def test_a_large_one_does_not_starve_behind_an_endless_row_of_small_ones() -> None:
    # GIVEN small ones that leave one place free at all times, and a large one among them
    needs = [10.0, 100.0, *[10.0] * 50]
    played = play(needs, [3.0, 1.0, *[2.0] * 50], ROOM)
    # THEN it begins as soon as what was there before it has ended
    assert played.began[1] == 3


# --- the crew -------------------------------------------------------------------------------------


def answering(number: int) -> Callable[[], int]:
    return lambda: number * number


def test_every_answer_comes_with_the_number_of_its_job() -> None:
    jobs = [Job(work=answering(number), memory_bytes=40) for number in range(20)]
    assert dict(side_by_side(jobs, ROOM)) == {number: number * number for number in range(20)}


def test_no_work_is_no_trouble() -> None:
    assert list(side_by_side([], ROOM)) == []


def test_two_that_fit_meet_each_other() -> None:
    # GIVEN two jobs that each wait for the other to have begun
    meeting = threading.Barrier(2, timeout=LONGEST_SECONDS)
    jobs = [Job(work=meeting.wait, memory_bytes=50) for _ in range(2)]
    assert sorted(met for _, met in side_by_side(jobs, ROOM)) == [0, 1]


def test_the_next_one_begins_before_the_answer_of_the_last_is_taken() -> None:
    """Whoever takes an answer may save it, which takes a while."""
    second_began = threading.Event()
    answers = side_by_side([Job(work=lambda: None), Job(work=second_began.set)], Capacity(jobs=1, memory_bytes=1e12))
    assert next(answers)[0] == 0
    assert second_began.wait(LONGEST_SECONDS)
    assert [number for number, _ in answers] == [1]


def test_two_that_do_not_fit_are_never_there_together() -> None:
    together, inside, guard = [0], [0], threading.Lock()

    def work() -> None:
        with guard:
            inside[0] += 1
            together[0] = max(together[0], inside[0])
        threading.Event().wait(0.01)
        with guard:
            inside[0] -= 1

    assert len(list(side_by_side([Job(work=work, memory_bytes=51) for _ in range(4)], ROOM))) == 4
    assert together == [1]


def test_leaving_early_stops_what_is_under_way_and_begins_nothing_more() -> None:
    # GIVEN one job that is done at once, one that ends only when it is told to, and one that waits
    stopped, began = threading.Event(), list[str]()

    def hang() -> None:
        assert stopped.wait(LONGEST_SECONDS)

    jobs = [
        Job(work=lambda: None, memory_bytes=10),
        Job(work=hang, memory_bytes=90),
        Job(work=lambda: began.append("late"), memory_bytes=90),
    ]
    # WHEN somebody has seen enough after the first
    for number, _ in side_by_side(jobs, ROOM, stop=stopped.set):
        assert number == 0
        break
    # THEN the second was ended, and the third never began
    assert stopped.is_set()
    assert began == []


def test_what_a_job_raises_is_raised_and_ends_the_others() -> None:
    stopped = threading.Event()

    def fail() -> None:
        raise OSError("no")

    def hang() -> None:
        assert stopped.wait(LONGEST_SECONDS)

    jobs = [Job(work=fail), Job(work=hang)]
    with pytest.raises(OSError, match="no"):
        list(side_by_side(jobs, Capacity(jobs=2, memory_bytes=1e12), stop=stopped.set))
    assert stopped.is_set()


def test_there_are_never_more_jobs_than_cores() -> None:
    assert room_for(10_000).jobs == room_for(None).jobs == cores()
    assert room_for(1).jobs == 1
    assert room_for(1).memory_bytes > 0
