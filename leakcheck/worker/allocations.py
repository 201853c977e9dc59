"""The sites pass in the measured process: replay windows under a tracer, and answer the stacks of each.

What memray tells of a window it tells by itself: frees of what was there before are not seen. So a
list that grows is seen whole by each window of one process, and windows of *fresh* processes, all
begun at the same call, add up better. The engine chooses; here a window is a window.
"""

from collections.abc import Callable
from time import perf_counter

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.allocations.stacks import Tracer, written
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.load import Call, Load, LoadedScenario

__builtins__ = BUILTINS


def _memray(plan: PassRequest) -> Tracer:
    from leakcheck.probe.allocations.memray_tracer import MemrayTracer

    return MemrayTracer(plan.lent_packages, native=False)


def _memray_native(plan: PassRequest) -> Tracer:
    from leakcheck.probe.allocations.memray_tracer import MemrayTracer

    return MemrayTracer(plan.lent_packages, native=True)


def _tracemalloc(plan: PassRequest) -> Tracer:
    from leakcheck.probe.allocations.tracemalloc_tracer import TracemallocTracer

    return TracemallocTracer()


def _lines(plan: PassRequest) -> Tracer:
    from leakcheck.probe.allocations.line_tracer import LineTracer

    return LineTracer()


TRACERS: dict[str, Callable[[PassRequest], Tracer]] = {
    "memray": _memray,
    "memray with native frames": _memray_native,
    "tracemalloc": _tracemalloc,
    "malloc's live bytes, line by line": _lines,
}
"""By `explanation.SiteMeter`, which is not loaded here."""


class _CountingReplay:
    """Replays calls and counts those that came to their end."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._pid = os.getpid()
        self.calls = 1
        """The first one, which made the callable, is done."""

    def __call__(self, calls: int) -> None:
        call = self._call
        for _ in range(calls):
            call()
            self.calls += 1
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the user's code forked came back into our loop


def serve_sites(plan: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Set up, then warm up and replay the windows that the engine asks for until it says finish."""
    try:
        tracer = TRACERS[plan.tracer](plan)
    except (ImportError, AttributeError, OSError) as error:
        channel.send("trouble", trouble=describe_trouble(error, "missing"))
        return
    began = perf_counter()
    subject = load(plan)
    channel.send("ready", setup_seconds=perf_counter() - began)
    replay = None
    while (request := channel.receive()) is not None:
        kind = request["kind"]
        try:
            if kind == "finish":
                tracer.stop()
                subject.close()
                return
            if replay is None:
                replay = _CountingReplay(subject.first_call())
            before, began = replay.calls, perf_counter()
            if kind == "warm_up":
                tracer.warm_up(replay, request["calls"])
                channel.send("warm", calls=replay.calls, seconds=perf_counter() - began)
                continue
            found = list(tracer.window(replay, request["calls"], mapped=request.get("mapped", False)))
            seconds = perf_counter() - began
            stacks, other_bytes = written(found)
            channel.send(
                "window",
                calls=request["calls"],
                before=before,
                seconds=seconds,
                stacks=stacks,
                other_bytes=other_bytes,
            )
        except BaseException as error:  # the user's code may raise anything, SystemExit included
            at = "teardown" if kind == "finish" else "raised"
            call = None if at == "teardown" else (replay.calls + 1 if replay is not None else 1)
            channel.send("trouble", trouble=describe_trouble(error, at, call=call))
            return
