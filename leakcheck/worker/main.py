"""From the first word of the engine to the end of the process."""

import atexit
import ctypes
import faulthandler
import importlib
import sys
from collections.abc import Callable

from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.probe.meters.thread_caches import restore_environment
from leakcheck.probe.originals import BUILTINS, os, signal
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.final_report import answered, facts_about_django
from leakcheck.worker.load import Load

__builtins__ = BUILTINS

# by name: whatever is loaded is measured, so each pass loads its own and no other
_WORK = {
    Pass.DESCRIBE: ("leakcheck.worker.collect", "serve_describe"),
    Pass.EXAMINE: ("leakcheck.worker.doctor", "serve_examine"),
    Pass.GROWTH: ("leakcheck.worker.growth", "serve_growth"),
    Pass.PEAK: ("leakcheck.worker.peak", "serve_peak"),
    Pass.HOLD: ("leakcheck.worker.retention", "serve_hold"),
    Pass.SITES: ("leakcheck.worker.allocations", "serve_sites"),
    Pass.LIMIT: ("leakcheck.worker.server.main", "serve_limited"),
}

_CANNOT_ANSWER = 70


def die_with_parent() -> None:
    """Ask Linux to end this process with the engine, so that a killed run leaves nothing behind."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def serve(socket_path: str) -> int:
    """Do the one pass that the engine asks for; never return while a thread of the user's is alive."""
    die_with_parent()
    restore_environment()
    # a segmentation fault, or the abort that ends a hanging call, leaves its traceback on stderr
    faulthandler.enable()
    channel = Channel(socket_path)
    plan = receive_plan(channel)
    if plan is None:
        return 1
    work(plan, channel)
    if plan.work is Pass.DESCRIBE and (plan := receive_plan(channel)) is not None:
        work(plan, channel)
    leave(channel)
    return 0


def receive_plan(channel: Channel) -> PassRequest | None:
    """Return what is to be done, or None when the engine is gone."""
    message = channel.receive()
    if message is None:
        return None
    return PassRequest(**{**message["plan"], "work": Pass(message["plan"]["work"])})


def find_work(plan: PassRequest) -> Callable[..., None]:
    """Return what does the pass of a plan, of which nothing else is loaded."""
    module, function = _WORK[plan.work]
    do: Callable[..., None] = getattr(importlib.import_module(module), function)
    return do


def work(plan: PassRequest, channel: Channel, load: Load | None = None, do: Callable[..., None] | None = None) -> None:
    """Do the pass of a plan, on what `load` makes of it; a scenario is loaded where nothing else is said."""
    try:
        do = do or find_work(plan)
        do(plan, channel) if load is None else do(plan, channel, load)
    except BaseException as error:
        _tell(channel, error)


def _tell(channel: Channel, error: BaseException) -> None:
    """Say how a pass failed; where what we call was patched away, at least that."""
    try:
        trouble = describe_trouble(error, "setup")
    except BaseException:
        trouble = {"kind": "setup", "message": "an exception that cannot be described was raised"}
    try:
        channel.send("trouble", trouble=trouble)
    except BaseException:
        os._exit(_CANNOT_ANSWER)  # no traceback of ours; the engine says how it ended


def leave(channel: Channel) -> None:
    """Say good-bye and end the process now: a thread that never ends must not keep it."""
    try:
        channel.send("bye", cpu_seconds=sum(os.times()[:2]), django=facts_about_django(), answered=answered())
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        pass  # whatever the user's code has put there
    os._exit(0)
