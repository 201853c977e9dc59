"""The growth pass: replay windows of calls and read the meters between them."""

from array import array
from itertools import repeat
from time import perf_counter, perf_counter_ns
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.heap.bounded import ExpectedGrowth, weigh_bounded_containers
from leakcheck.probe.heap.gains import FollowedLengths, find_gaining_containers
from leakcheck.probe.meters.counted.child_processes import peak_child_bytes
from leakcheck.probe.meters.counted.open_files import raise_open_files_limit
from leakcheck.probe.meters.memory import BLOCK_CAPACITY, Meters
from leakcheck.probe.meters.resources import name_resources, resource_keys
from leakcheck.probe.meters.settle import freeze_heap, settle
from leakcheck.probe.originals import BUILTINS, gc, os
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_replay_failure
from leakcheck.worker.final_report import answers_by_status
from leakcheck.worker.load import Call, Load, LoadedScenario

__builtins__ = BUILTINS

SECONDS = ("replay_seconds", "settle_seconds", "set_aside_seconds")
_WARM_UP_CALLS = 50
"""What the first calls leave (lazy imports, filled tables) is set aside from collection, as what set-up left is."""

LATENCY_CAPACITY = 4096
"""The most calls of one block that can be timed one by one."""


class GrowthReplay:
    """Replays a loaded scenario between readings, and counts its calls."""

    def __init__(self, call: Call, meters: Meters, *, sets_aside: bool = True) -> None:
        self._call = call
        self._meters = meters
        # full size now: watching must not allocate
        self._latencies = array("q", bytes(8 * LATENCY_CAPACITY))
        # calls replayed, and calls timed in this block; in an array, because as attributes
        # numbers above 256 are objects that would show up as 32 bytes of growth
        self._counts = array("q", [1, 0])
        self._followed = FollowedLengths()
        self._pid = os.getpid()
        self._sets_aside = sets_aside

    @property
    def calls(self) -> int:
        """Return the number of completed calls, including the first one, which made the callable."""
        return self._counts[0]

    def replay_block(self, channel: Channel, windows: int, calls_per_window: int, timed_per_window: int) -> None:
        """Replay windows of calls and send the block of their readings.

        The meters are read after each window, always at the same place in the code: elsewhere other temporaries are
        alive, and a reading is a hundred bytes off.
        """
        timed_per_window = min(timed_per_window, LATENCY_CAPACITY // windows, calls_per_window)
        windows = min(windows, BLOCK_CAPACITY)
        try:
            self._block(channel, windows, calls_per_window, timed_per_window)
        except AssertionError:
            if not self._sets_aside:
                raise
            # the call may check that something from set-up is collected: replay again with nothing set aside
            self._sets_aside = False
            gc.unfreeze()
            self._block(channel, windows, calls_per_window, timed_per_window)

    def _block(self, channel: Channel, windows: int, calls_per_window: int, timed_per_window: int) -> None:
        self._start_block()
        replay_seconds = 0.0
        start = perf_counter()
        if self._sets_aside and self.calls < _WARM_UP_CALLS:
            freeze_heap()
        replay_start = perf_counter()
        for _ in repeat(None, windows):
            window_start = perf_counter()
            self._window(calls_per_window, timed_per_window)
            replay_seconds += perf_counter() - window_start
            if os.getpid() != self._pid:
                os._exit(0)  # a child forked by the user's code has returned into our loop
            settle()
            self._meters.read(self._counts)
            self._followed.read()
        seconds = {
            "replay_seconds": replay_seconds,
            "settle_seconds": perf_counter() - replay_start - replay_seconds,
            "set_aside_seconds": replay_start - start,
        }
        self.send_block(channel, "block", seconds)

    def send_first_call(self, channel: Channel, seconds: float) -> None:
        """Send a block that consists of the first call alone."""
        self.send_block(channel, "block", {**dict.fromkeys(SECONDS, 0.0), "replay_seconds": seconds})

    def send_block(self, channel: Channel, kind: str, seconds: dict[str, float], **fields: Any) -> None:
        """Send the readings of the current block, complete or not."""
        columns = [*self._meters.columns(), *self._followed.columns(), (self._latencies, self._counts[1])]
        channel.send(
            kind,
            columns=columns,
            names=[*self._meters.names, *self._followed.names],
            calls=self.calls,
            seconds=seconds,
            largest_child_bytes=peak_child_bytes(),
            **fields,
        )
        self._start_block()  # a failure sends what is not sent yet

    def _start_block(self) -> None:
        self._counts[1] = 0
        self._meters.start_block()
        self._followed.start_block()

    def compare_lengths(self, channel: Channel, calls: int) -> None:
        """Replay calls between two searches of the heap; send a block without readings, and what has grown."""
        seconds = dict.fromkeys(SECONDS, 0.0)
        start = perf_counter()

        def replay(calls: int) -> None:
            replay_start = perf_counter()
            self.replay(calls)
            seconds["replay_seconds"] = perf_counter() - replay_start

        gains = find_gaining_containers(replay, calls, self._followed, thaws=self._sets_aside)
        seconds["settle_seconds"] = perf_counter() - start - seconds["replay_seconds"]
        self.send_block(channel, "looked", seconds, gains=gains)

    def _window(self, calls: int, timed: int) -> None:
        call, latencies, clock = self._call, self._latencies, perf_counter_ns
        slot = self._counts[1]
        done = 0
        try:
            while done < timed:
                start = clock()
                call()
                latencies[slot] = clock() - start
                slot += 1
                done += 1
            for done in range(timed, calls):  # noqa: B007
                call()
            done = calls
        finally:
            self._counts[0] += done  # completed calls: if one raised, it is the next
            self._counts[1] = slot

    def replay(self, calls: int) -> None:
        """Replay calls without reading the meters."""
        self._window(calls, 0)


def serve_growth(pass_request: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Set up, then replay what the runner asks for, until `finish`."""
    raise_open_files_limit()
    meters = Meters(pass_request.meters)
    began = perf_counter()
    scenario = load(pass_request)
    ready = perf_counter()
    resources_before = resource_keys()
    channel.send("ready", setup_seconds=ready - began)
    replay, emptied = None, False
    while (message := channel.receive()) is not None:
        kind = message.pop("kind")
        try:
            if kind == "finish":
                scenario.close()
                return
            if replay is None:
                first_began = perf_counter()
                replay = GrowthReplay(scenario.first_call(), meters)
                replay.send_first_call(channel, perf_counter() - first_began)
            elif kind == "name":
                channel.send("named", resources=name_resources(message["resources"], resources_before))
            elif kind == "weigh":
                expected = ExpectedGrowth(rate=message["rate"], least=message["least"])
                weighed = weigh_bounded_containers(replay.replay, message["calls"], meters.heap, replay.calls, expected)
                emptied = weighed.pop("emptied")
                channel.send("weighed", weighed=weighed)
            elif kind == "look":
                replay.compare_lengths(channel, message["calls"])
            else:
                replay.replay_block(channel, **message)
        except BaseException as error:  # the user's code may raise anything, SystemExit included
            if kind == "finish" and emptied:
                return  # the tear-down may fail because weighing emptied a container
            failure = describe_replay_failure(error, kind, 0 if replay is None else replay.calls)
            if replay is None:
                channel.send("failure", failure=failure, response_statuses=answers_by_status())
            else:
                no_seconds = dict.fromkeys(SECONDS, 0.0)
                replay.send_block(
                    channel, "failure", no_seconds, failure=failure, response_statuses=answers_by_status()
                )
            return
