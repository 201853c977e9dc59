"""The hold pass in the measured process: replay, search, and answer what holds what grows."""

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.meters.memory import Meters
from leakcheck.probe.originals import BUILTINS
from leakcheck.probe.retention.search import search
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.growth import GrowthReplay
from leakcheck.worker.load import Load, LoadedScenario

__builtins__ = BUILTINS


def serve_hold(plan: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Set up, search once when the engine asks, and tear down when it says finish.

    Each `found` message replaces the one before; the last one says `last`.
    """
    meters = Meters(plan.meters)
    subject = load(plan)
    channel.send("ready", setup_seconds=0.0)
    replay, emptied = None, False
    while (request := channel.receive()) is not None:
        kind = request.pop("kind")
        try:
            if kind == "finish":
                subject.close()
                return
            if replay is None:
                replay = GrowthReplay(subject.first_call(), meters)
            for found in search(replay.plain, meters.heap, meters.python, **request):
                emptied |= found.pop("emptied", False)
                channel.send("found", **found)
        except BaseException as error:  # the user's code may raise anything, SystemExit included
            if kind == "finish" and emptied:
                return  # a tear-down that misses what was emptied is our doing
            at = "teardown" if kind == "finish" else "raised"
            call = None if at == "teardown" else (replay.calls + 1 if replay is not None else 1)
            channel.send("trouble", trouble=describe_trouble(error, at, call=call))
            return
