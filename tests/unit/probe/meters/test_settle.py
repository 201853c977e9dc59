"""Before a reading the process comes to rest, what other threads do for a call included."""

import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from leakcheck.probe.meters.settle import settle


@pytest.fixture(autouse=True)
def held_on_to() -> Iterator[None]:
    """The interpreter is handed to another thread where this one waits, and nowhere else."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(usual)


class Work:
    """What a thread was given."""


@pytest.mark.parametrize("goes_on", [False, True], ids=["that ends", "that waits for more"])
def test_a_thread_lets_go_of_what_is_done(goes_on: bool) -> None:
    told, end = threading.Event(), threading.Event()
    given = [Work()]
    left = weakref.ref(given[0])

    def hold() -> None:
        told.wait()
        given.clear()
        if goes_on:
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    told.set()  # from here on the thread wants the interpreter, which only `settle` gives it
    for _ in range(20):  # a machine at its limit may let it wait longer than `settle` does
        settle()
        if left() is None:
            break
    is_gone = left() is None
    end.set()
    thread.join()
    assert is_gone


def test_a_thread_that_never_rests_is_not_waited_for() -> None:
    end = threading.Event()

    def toil() -> None:
        made: list[object] = []
        while not end.is_set():
            made.append(object())
            time.sleep(0)

    thread = threading.Thread(target=toil)
    thread.start()
    settle()
    alive = thread.is_alive()
    end.set()
    thread.join()
    assert alive
