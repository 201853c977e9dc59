"""Replay a body in this process, which is pytest's and lives on, as the judge asks for it."""

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from types import FrameType, ModuleType
from typing import Any

import pytest

from leakcheck.model.units import format_duration
from leakcheck.probe.meters.memory import Meters
from leakcheck.probe.meters.resource_names import make_room_for_files
from leakcheck.pytest_plugin.callables import do_nothing
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_failure
from leakcheck.worker.growth import SECONDS, GrowthReplay
from leakcheck.worker.load import Replayable

resource: ModuleType | None
try:
    import resource
except ImportError:  # not on Windows
    resource = None

_MOST_IMMORTAL = 5000
"""Python 3.12 has collections leave immortal objects (constants: 375 at first) with the frozen ones, thawed or not.
Whoever calls `gc.freeze()` under pytest freezes all of it: 30,000 objects before any test is loaded."""

_ALL_METERS = ("python", "native", "rss")


class _Hung(Exception):
    """A replay takes longer than anybody waits."""


def replay_for_judge(
    channel: Channel, body: Replayable, frozen_at_start: int
) -> tuple[dict[str, Any], BaseException | None]:
    """Do what the judge asks until it is done; return its last word, and what the first call raised.

    Afterwards the process is as it was: what was set aside from collection is back, and limits are
    what they were. More than `frozen_at_start` objects that are frozen were frozen by the project. Raises
    what is meant for pytest and nobody else: an interrupt, `pytest.exit`.
    """
    meters = Meters(_ALL_METERS)
    replay: GrowthReplay | None = None
    first_error: BaseException | None = None
    with _file_limit_restored(), _thawed_afterwards(frozen_at_start) as may_set_aside:
        while True:
            request = channel.receive()
            if request is None or request["kind"] == "done":
                return request or {"broken": "the judge's process ended"}, first_error
            kind, seconds = request.pop("kind"), request.pop("seconds")
            try:
                with _time_limit(seconds):
                    if kind == "first":
                        began = perf_counter()
                        replay = GrowthReplay(body.first_call(), meters, sets_aside=may_set_aside)
                        replay.send_first_call(channel, perf_counter() - began)
                        continue
                    assert replay is not None
                    if kind == "look":
                        replay.compare_lengths(channel, request["calls"])
                    else:
                        replay.replay_block(channel, **request)
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:  # the test may raise anything, SystemExit included
                call = replay.calls + 1 if replay is not None else 1
                first_error = error if replay is None else None
                trouble = describe_failure(error, "raised", call=call)
                if isinstance(error, _Hung):
                    limit = format_duration(seconds)
                    trouble.update(
                        kind="hung", message=f"it ran past {limit}; raise --timeout, or make one call smaller"
                    )
                if replay is None:
                    channel.send("trouble", trouble=trouble)
                else:
                    replay.send_block(channel, "trouble", dict.fromkeys(SECONDS, 0.0), trouble=trouble)


@contextmanager
def _file_limit_restored() -> Iterator[None]:
    give_back = _soft_limit_of_files()
    make_room_for_files()
    try:
        yield
    finally:
        give_back()


@contextmanager
def _thawed_afterwards(frozen_at_start: int) -> Iterator[bool]:
    """Leave nothing frozen; yield whether anything may be.

    Whoever forks cheaply has frozen what was there. It cannot be told apart again from what we would freeze: then
    nothing is frozen or thawed by us, and each reading collects the rest as a whole.
    """
    if gc.get_freeze_count() > frozen_at_start + _MOST_IMMORTAL:
        yield False
        return
    try:
        yield True
    finally:
        gc.unfreeze()


def _soft_limit_of_files() -> Callable[[], None]:
    if resource is None:
        return do_nothing
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    return partial(resource.setrlimit, resource.RLIMIT_NOFILE, limits)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End what hangs, where no alarm of the user's is set: nobody can end this process for it."""
    try:
        is_free = signal.getsignal(signal.SIGALRM) is signal.SIG_DFL and not signal.getitimer(signal.ITIMER_REAL)[0]
        before = signal.signal(signal.SIGALRM, _raise_hung) if is_free else None
    except ValueError:
        is_free = False  # not the main thread
    if not is_free:
        yield
        return
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _raise_hung(number: int, frame: FrameType | None) -> None:
    raise _Hung
