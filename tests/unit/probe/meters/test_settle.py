"""Settling waits for other threads to finish the work of the calls."""

import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from leakcheck.probe.meters.settle import settle


@pytest.fixture(autouse=True)
def no_thread_switches() -> Iterator[None]:
    """Another thread runs only while this one waits."""
    previous = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(previous)


class Work:
    """Something handed to a thread."""


@pytest.mark.parametrize("goes_on", [False, True], ids=["that ends", "that waits for more"])
def test_a_thread_finishes_its_work_during_settle(goes_on: bool) -> None:
    started, end = threading.Event(), threading.Event()
    arguments = [Work()]
    reference = weakref.ref(arguments[0])

    def work() -> None:
        started.wait()
        arguments.clear()
        if goes_on:
            end.wait()

    thread = threading.Thread(target=work)
    thread.start()
    started.set()  # from here on the thread waits for the interpreter, which only `settle` gives up
    for _ in range(20):  # on an overloaded machine it may have to wait longer than `settle` does
        settle()
        if reference() is None:
            break
    is_freed = reference() is None
    end.set()
    thread.join()
    assert is_freed


def test_a_thread_that_never_rests_is_not_waited_for() -> None:
    end = threading.Event()

    def allocate() -> None:
        objects: list[object] = []
        while not end.is_set():
            objects.append(object())
            time.sleep(0)

    thread = threading.Thread(target=allocate)
    thread.start()
    settle()
    is_alive = thread.is_alive()
    end.set()
    thread.join()
    assert is_alive
