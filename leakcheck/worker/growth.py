"""The growth pass in the measured process: replay windows of calls and read the meters between them."""

from array import array
from itertools import repeat
from time import perf_counter, perf_counter_ns
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.heap.bounded import ExpectedGrowth, weigh_limited
from leakcheck.probe.heap.gains import FollowedLengths, look
from leakcheck.probe.meters.memory import CAPACITY, Meters
from leakcheck.probe.meters.resource_names import make_room_for_files, name_resources, snapshot
from leakcheck.probe.meters.resources import largest_child_bytes
from leakcheck.probe.meters.settle import set_aside, settle
from leakcheck.probe.originals import BUILTINS, gc, os
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.final_report import answered
from leakcheck.worker.load import Call, Load, LoadedScenario

__builtins__ = BUILTINS

SECONDS = ("replay_seconds", "settle_seconds", "set_aside_seconds")
"""What a block says of where its time went."""

_WARM_UP_CALLS = 50
"""What the first calls leave (lazy imports, filled tables) is set aside like what set-up left."""

LATENCY_CAPACITY = 4096
"""Calls of one block that may be timed one by one."""


class GrowthReplay:
    """A loaded scenario under the meters. The engine says how many calls; this counts them."""

    def __init__(self, call: Call, meters: Meters, *, sets_aside: bool = True) -> None:
        self._call = call
        self._meters = meters
        # full size now: watching must not allocate
        self._latencies = array("q", bytes(8 * LATENCY_CAPACITY))
        # numbers above 256 are objects: kept as attributes they would show up as 32 bytes of growth;
        # calls replayed and calls timed in this block
        self._counts = array("q", [1, 0])
        self._followed = FollowedLengths()
        self._pid = os.getpid()
        self._sets_aside = sets_aside

    @property
    def calls(self) -> int:
        """Return the calls replayed to their end, the first one, which made the callable, included."""
        return self._counts[0]

    def block(self, channel: Channel, windows: int, calls_per_window: int, timed_per_window: int) -> None:
        """Replay some windows and send what a `model.Block` holds.

        A reading is taken after each window, always in the same place: one that is taken elsewhere
        finds other temporaries alive and is a hundred bytes off.
        """
        timed_per_window = min(timed_per_window, LATENCY_CAPACITY // windows, calls_per_window)
        windows = min(windows, CAPACITY)
        try:
            self._block(channel, windows, calls_per_window, timed_per_window)
        except AssertionError:
            if not self._sets_aside:
                raise
            # it may look whether something that set-up left is collected: once more, with nothing set aside
            self._sets_aside = False
            gc.unfreeze()
            self._block(channel, windows, calls_per_window, timed_per_window)

    def _block(self, channel: Channel, windows: int, calls_per_window: int, timed_per_window: int) -> None:
        self._counts[1] = 0
        self._meters.start_block()
        self._followed.start_block()
        replay_seconds = 0.0
        began = perf_counter()
        if self._sets_aside and self.calls < _WARM_UP_CALLS:
            set_aside()
        set_out = perf_counter()
        for _ in repeat(None, windows):
            window_began = perf_counter()
            self._window(calls_per_window, timed_per_window)
            replay_seconds += perf_counter() - window_began
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the user's code forked came back into our loop
            settle()
            self._meters.read(self._counts)
            self._followed.read()
        seconds = {
            "replay_seconds": replay_seconds,
            "settle_seconds": perf_counter() - set_out - replay_seconds,
            "set_aside_seconds": set_out - began,
        }
        self.send(channel, "block", seconds)

    def first(self, channel: Channel, seconds: float) -> None:
        """Send the block that is the first call alone."""
        self.send(channel, "block", {**dict.fromkeys(SECONDS, 0.0), "replay_seconds": seconds})

    def send(self, channel: Channel, kind: str, seconds: dict[str, float], **fields: Any) -> None:
        """Send the block as far as it went."""
        columns = [*self._meters.columns(), *self._followed.columns(), (self._latencies, self._counts[1])]
        channel.send(
            kind,
            columns=columns,
            names=[*self._meters.names, *self._followed.names],
            calls=self.calls,
            seconds=seconds,
            largest_child_bytes=largest_child_bytes(),
            **fields,
        )

    def look(self, channel: Channel, calls: int) -> None:
        """Replay some calls between two looks at all lengths; send a block without a reading, and what was gained."""
        self._meters.start_block()
        self._followed.start_block()
        self._counts[1] = 0
        seconds = dict.fromkeys(SECONDS, 0.0)
        began = perf_counter()

        def replay(calls: int) -> None:
            set_out = perf_counter()
            self.plain(calls)
            seconds["replay_seconds"] = perf_counter() - set_out

        gains = look(replay, calls, self._followed, thaws=self._sets_aside)
        seconds["settle_seconds"] = perf_counter() - began - seconds["replay_seconds"]
        self.send(channel, "looked", seconds, gains=gains)

    def _window(self, calls: int, timed: int) -> None:
        call, latencies, clock = self._call, self._latencies, perf_counter_ns
        slot = self._counts[1]
        done = 0
        try:
            while done < timed:
                began = clock()
                call()
                latencies[slot] = clock() - began
                slot += 1
                done += 1
            for done in range(timed, calls):  # noqa: B007
                call()
            done = calls
        finally:
            self._counts[0] += done  # those that came to an end: the next one is the one that raised
            self._counts[1] = slot

    def plain(self, calls: int) -> None:
        """Replay without a reading."""
        self._window(calls, 0)


def serve_growth(plan: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Set up, then replay what the engine asks for until it says finish."""
    make_room_for_files()
    meters = Meters(plan.meters)
    began = perf_counter()
    subject = load(plan)
    set_up = perf_counter()
    there_before = snapshot()
    channel.send("ready", setup_seconds=set_up - began)
    replay, emptied = None, False
    while (request := channel.receive()) is not None:
        kind = request.pop("kind")
        try:
            if kind == "finish":
                subject.close()
                return
            if replay is None:
                first_began = perf_counter()
                replay = GrowthReplay(subject.first_call(), meters)
                replay.first(channel, perf_counter() - first_began)
            elif kind == "name":
                channel.send("named", resources=name_resources(request["resources"], there_before))
            elif kind == "weigh":
                expected = ExpectedGrowth(rate=request["rate"], least=request["least"])
                found = weigh_limited(replay.plain, request["calls"], meters.heap, replay.calls, expected)
                emptied = bool(found["limited"])
                channel.send("weighed", weighed=found)
            elif kind == "look":
                replay.look(channel, request["calls"])
            else:
                replay.block(channel, **request)
        except BaseException as error:  # the user's code may raise anything, SystemExit included
            if kind == "finish" and emptied:
                return  # a tear-down that misses what was emptied is our doing
            at = "teardown" if kind == "finish" else "raised"
            call = None if at == "teardown" else (replay.calls + 1 if replay is not None else 1)
            trouble = describe_trouble(error, at, call=call)
            if replay is None:
                channel.send("trouble", trouble=trouble, answered=answered())
            else:
                nothing = dict.fromkeys(SECONDS, 0.0)
                replay.send(channel, "trouble", nothing, trouble=trouble, answered=answered())
            return
