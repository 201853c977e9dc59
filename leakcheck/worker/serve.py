"""From the first word of the engine to the end of the process."""

import atexit
import ctypes
import faulthandler
import importlib
import os
import signal
import sys

from leakcheck.plan import Pass, Plan
from leakcheck.worker.channel import Channel
from leakcheck.worker.facts import facts_about_django
from leakcheck.worker.trouble import describe_trouble

# by name: whatever is loaded is measured, so each pass loads its own and no other
_WORK = {
    Pass.DESCRIBE: ("leakcheck.worker.describe", "serve_describe"),
    Pass.GROWTH: ("leakcheck.worker.replay", "serve_growth"),
    Pass.PEAK: ("leakcheck.worker.peak", "serve_peak"),
    Pass.HOLD: ("leakcheck.worker.hold.serve", "serve_hold"),
    Pass.SITES: ("leakcheck.worker.sites.serve", "serve_sites"),
}


def _die_with_parent() -> None:
    """Ask Linux to end this process with the engine, so that a killed run leaves nothing behind."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def serve(socket_path: str) -> int:
    """Do the one pass that the engine asks for; never return while a thread of the user's is alive."""
    _die_with_parent()
    # a segmentation fault, or the abort that ends a hanging call, leaves its traceback on stderr
    faulthandler.enable()
    channel = Channel(socket_path)
    message = channel.receive()
    if message is None:
        return 1
    plan = Plan(**{**message["plan"], "work": Pass(message["plan"]["work"])})
    try:
        module, function = _WORK[plan.work]
        work = getattr(importlib.import_module(module), function)
        work(plan, channel)
    except BaseException as error:
        channel.send("trouble", trouble=describe_trouble(error, "setup"))
    channel.send("bye", cpu_seconds=sum(os.times()[:2]), django=facts_about_django())
    _leave()
    return 0


def _leave() -> None:
    """End the process now: a thread that never ends must not keep it."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    os._exit(0)
