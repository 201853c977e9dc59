"""The retention pass: replay, and search for the containers that grow and what retains them."""

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.meters.memory import Meters
from leakcheck.probe.originals import BUILTINS
from leakcheck.probe.retention.search import search_retention
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_replay_failure
from leakcheck.worker.growth import GrowthReplay
from leakcheck.worker.load import Load, LoadedScenario

__builtins__ = BUILTINS


def serve_retention(pass_request: PassRequest, channel: Channel, load: Load = LoadedScenario) -> None:
    """Set up, search when the runner asks, and tear down on `finish`.

    Each `found` message replaces the one before; the final one has `last` set.
    """
    meters = Meters(pass_request.meters)
    scenario = load(pass_request)
    channel.send("ready", setup_seconds=0.0)
    replay, emptied = None, False
    while (message := channel.receive()) is not None:
        kind = message.pop("kind")
        try:
            if kind == "finish":
                scenario.close()
                return
            if replay is None:
                replay = GrowthReplay(scenario.first_call(), meters)
            for findings in search_retention(replay.replay, meters.heap, meters.python, **message):
                emptied |= findings.pop("emptied", False)
                channel.send("found", **findings)
        except BaseException as error:  # the user's code may raise anything, SystemExit included
            if kind == "finish" and emptied:
                return  # the tear-down may fail because the search emptied a container
            channel.send("failure", failure=describe_replay_failure(error, kind, 0 if replay is None else replay.calls))
            return
