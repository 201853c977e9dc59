"""Replay a body in the test process, as the judge asks, and leave the process as it was."""

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FrameType, ModuleType
from typing import Any

import pytest

from leakcheck.model.errors import LeakcheckException
from leakcheck.model.units import format_duration
from leakcheck.probe.meters.counted.open_files import raise_open_files_limit
from leakcheck.probe.meters.memory import Meters
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
"""In Python 3.12 collections move immortal objects (375 constants at first) to the frozen ones, thawed or not.
`gc.freeze()` under pytest freezes far more: 30,000 objects before any test is loaded."""

_ALL_METERS = ("python", "native", "rss")


class _Hung(LeakcheckException):
    """A replay has run past its time limit."""


def replay_for_judge(
    channel: Channel, test_callable: Replayable, frozen_at_start: int
) -> tuple[dict[str, Any] | None, BaseException | None]:
    """Replay as the judge asks; return its last message, None if it has ended, and the exception of the first call.

    Afterwards the process is as it was: what was set aside from collection is back, and the limit of open files is
    restored. If many more than `frozen_at_start` objects are frozen, the project has frozen them. Raises only what is
    meant for pytest: KeyboardInterrupt and `pytest.exit`.
    """
    meters = Meters(_ALL_METERS)
    replay: GrowthReplay | None = None
    first_error: BaseException | None = None
    with _file_limit_restored(), _thawed_afterwards(frozen_at_start) as may_set_aside:
        while True:
            message = channel.receive()
            if message is None or message["kind"] == "done":
                return message, first_error
            kind, seconds = message.pop("kind"), message.pop("seconds")
            try:
                with _time_limit(seconds):
                    if kind == "first":
                        began = perf_counter()
                        replay = GrowthReplay(test_callable.first_call(), meters, sets_aside=may_set_aside)
                        replay.send_first_call(channel, perf_counter() - began)
                        continue
                    assert replay is not None
                    if kind == "look":
                        replay.compare_lengths(channel, message["calls"])
                    else:
                        replay.replay_block(channel, **message)
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:  # the test may raise anything, SystemExit included
                call = replay.calls + 1 if replay is not None else 1
                first_error = error if replay is None else None
                failure = describe_failure(error, "raised", call=call)
                if isinstance(error, _Hung):
                    limit = format_duration(seconds)
                    failure.update(
                        kind="hung", message=f"it ran past {limit}; raise --timeout, or make one call smaller"
                    )
                if replay is None:
                    channel.send("failure", failure=failure)
                else:
                    replay.send_block(channel, "failure", dict.fromkeys(SECONDS, 0.0), failure=failure)


@contextmanager
def _file_limit_restored() -> Iterator[None]:
    limits = None if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_open_files_limit()
    try:
        yield
    finally:
        if resource is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def _thawed_afterwards(frozen_at_start: int) -> Iterator[bool]:
    """Thaw at the end what is frozen in between; yield whether freezing is allowed.

    It is not if the project has frozen objects, as before forking. They could not be told from ours afterwards, so then
    nothing is frozen or thawed, and each reading collects everything else.
    """
    if gc.get_freeze_count() > frozen_at_start + _MOST_IMMORTAL:
        yield False
        return
    try:
        yield True
    finally:
        gc.unfreeze()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _Hung in a replay that runs too long, unless an alarm of the user is set: nothing else can end it."""
    try:
        is_free = signal.getsignal(signal.SIGALRM) is signal.SIG_DFL and not signal.getitimer(signal.ITIMER_REAL)[0]
        previous = signal.signal(signal.SIGALRM, _raise_hung) if is_free else None
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
        signal.signal(signal.SIGALRM, previous)


def _raise_hung(number: int, frame: FrameType | None) -> None:
    raise _Hung
