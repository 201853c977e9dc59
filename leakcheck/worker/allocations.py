"""The allocation pass: replay windows of calls under a tracer and send the stacks of each.

memray does not see a window free what was allocated before it. A growing list therefore appears whole in each window of
one process, and windows of fresh processes that all begin at the same call add up better. The runner chooses which.
"""

from collections.abc import Callable
from time import perf_counter

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.allocations.stacks import Tracer, serialize_stacks
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_failure, describe_replay_failure
from leakcheck.worker.load import Call, Load, LoadedScenario

__builtins__ = BUILTINS


def _memray(pass_request: PassRequest, *, native: bool = False) -> Tracer:
    from leakcheck.probe.allocations.memray_tracer import MemrayTracer

    return MemrayTracer(pass_request.memray_fallback, native=native)


def _tracemalloc(pass_request: PassRequest) -> Tracer:
    from leakcheck.probe.allocations.tracemalloc_tracer import TracemallocTracer

    return TracemallocTracer()


def _lines(pass_request: PassRequest) -> Tracer:
    from leakcheck.probe.allocations.line_tracer import LineTracer

    return LineTracer()


TRACERS: dict[str, Callable[[PassRequest], Tracer]] = {
    "memray": _memray,
    "memray_native": lambda pass_request: _memray(pass_request, native=True),
    "tracemalloc": _tracemalloc,
    "lines": _lines,
}
"""By the values of `explanation.TracerName`, which is not loaded here."""


class _CountingReplay:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._pid = os.getpid()
        self.calls = 1  # the first call, which made the callable

    def __call__(self, calls: int) -> None:
        call = self._call
        for _ in range(calls):
            call()
            self.calls += 1
        if os.getpid() != self._pid:
            os._exit(0)  # a child forked by the user's code has returned into our loop


def serve_allocation(pass_request: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Set up, then warm up and replay the windows that the runner asks for, until `finish`."""
    try:
        tracer = TRACERS[pass_request.tracer](pass_request)
    except (ImportError, AttributeError, OSError) as error:
        channel.send("failure", failure=describe_failure(error, "missing"))
        return
    start = perf_counter()
    scenario = load(pass_request)
    channel.send("ready", setup_seconds=perf_counter() - start)
    replay = None
    while (message := channel.receive()) is not None:
        kind = message["kind"]
        try:
            if kind == "finish":
                tracer.stop()
                scenario.close()
                return
            if replay is None:
                replay = _CountingReplay(scenario.first_call())
            before, start = replay.calls, perf_counter()
            if kind == "warm_up":
                tracer.warm_up(replay, message["calls"])
                channel.send("warm", calls=replay.calls, seconds=perf_counter() - start)
                continue
            window_stacks = list(tracer.window(replay, message["calls"], mapped=message.get("mapped", False)))
            seconds = perf_counter() - start
            stacks, other_bytes = serialize_stacks(window_stacks)
            channel.send(
                "window", calls=message["calls"], before=before, seconds=seconds, stacks=stacks, other_bytes=other_bytes
            )
        except BaseException as error:  # the user's code may raise anything, SystemExit included
            calls = 0 if replay is None else replay.calls
            channel.send("failure", failure=describe_replay_failure(error, kind, calls))
            return
