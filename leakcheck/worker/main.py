"""Run the pass that the runner asks for, from the first message to the end of the process."""

import atexit
import ctypes
import faulthandler
import importlib
import sys
from collections.abc import Callable

from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.probe.originals import BUILTINS, os, signal
from leakcheck.probe.process_environment import restore_environment
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_failure
from leakcheck.worker.final_report import answers_by_status, django_facts
from leakcheck.worker.load import Load

__builtins__ = BUILTINS

# by name, so that a pass loads its own module and no other: whatever is loaded is measured
_PASSES = {
    Pass.COLLECT: ("leakcheck.worker.collect", "serve_collect"),
    Pass.DOCTOR: ("leakcheck.worker.doctor", "serve_doctor"),
    Pass.GROWTH: ("leakcheck.worker.growth", "serve_growth"),
    Pass.PEAK: ("leakcheck.worker.peak", "serve_peak"),
    Pass.RETENTION: ("leakcheck.worker.retention", "serve_retention"),
    Pass.ALLOCATION: ("leakcheck.worker.allocations", "serve_allocation"),
    Pass.LIMIT: ("leakcheck.worker.server.main", "serve_limit"),
}

_CANNOT_ANSWER = 70


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process a signal when its parent ends, so that a killed run leaves no process behind."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal_number)


def serve(socket_path: str) -> int:
    """Run the pass that the runner asks for; after a collection possibly one more.

    Returns 1 if the runner is gone; otherwise the process ends here, even while threads of the user's are alive.
    """
    die_with_parent()
    restore_environment()
    # to print a traceback on a segmentation fault, and on the SIGABRT that ends a hanging call
    faulthandler.enable()
    channel = Channel(socket_path)
    pass_request = receive_request(channel)
    if pass_request is None:
        return 1
    run_pass(pass_request, channel)
    if pass_request.kind is Pass.COLLECT and (pass_request := receive_request(channel)) is not None:
        run_pass(pass_request, channel)
    end_process(channel)
    return 0


def receive_request(channel: Channel) -> PassRequest | None:
    """Return the runner's request for a pass; None if the runner is gone."""
    message = channel.receive()
    if message is None:
        return None
    return PassRequest(**{**message["request"], "kind": Pass(message["request"]["kind"])})


def find_pass(pass_request: PassRequest) -> Callable[..., None]:
    """Import the module of a pass and return the function that runs it."""
    module, function = _PASSES[pass_request.kind]
    run: Callable[..., None] = getattr(importlib.import_module(module), function)
    return run


def run_pass(
    pass_request: PassRequest, channel: Channel, load: Load | None = None, run: Callable[..., None] | None = None
) -> None:
    """Run a pass; send its failure if it fails. `load` replaces the loading of a scenario, `run` the pass itself."""
    try:
        run = run or find_pass(pass_request)
        run(pass_request, channel) if load is None else run(pass_request, channel, load)
    except BaseException as error:
        _send_failure(channel, error)


def _send_failure(channel: Channel, error: BaseException) -> None:
    try:
        failure = describe_failure(error, "setup")
    except BaseException:  # the user's code may have patched what describes it
        failure = {"kind": "setup", "message": "an exception that cannot be described was raised"}
    try:
        channel.send("failure", failure=failure)
    except BaseException:
        os._exit(_CANNOT_ANSWER)  # no traceback of ours; the runner reports how the process ended


def end_process(channel: Channel) -> None:
    """Send the final report and end the process at once, even if threads are still running."""
    try:
        channel.send(
            "bye", cpu_seconds=sum(os.times()[:2]), django=django_facts(), response_statuses=answers_by_status()
        )
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        pass  # exit functions and streams are the user's
    os._exit(0)
