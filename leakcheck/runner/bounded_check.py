"""Follow a scenario, then find out whether what grows has a limit: the last that a measured process is asked.

Bounded means that a container gained, within calls that were replayed to find out, the bytes that memory gains, and
that its limit was proved. What is full already explains nothing, and neither does what fills beside a container
without a limit that gains an entry with each call.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from leakcheck.analysis.gate.verdict import holder_with_limit
from leakcheck.analysis.growth.estimate import estimate_growth
from leakcheck.analysis.growth.resources import judge_resources
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.stopping import StopPolicy
from leakcheck.analysis.growth.trend import has_teeth, least_rate
from leakcheck.model.answers import BoundedAnswer
from leakcheck.model.explanation import NamedCount
from leakcheck.model.result import Budget, Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.runner.answer_decoding import part
from leakcheck.runner.child_processes import ReplayingProcess
from leakcheck.runner.growth_pass import GrowthPass, follow, used_up

_WEIGHED_SHARE = 1 / 20
_FEWEST_WEIGHED, _LONGEST_WEIGHING_SECONDS = 8, 2.0
"""A rate that one or two calls showed is none: eight are replayed also where they are dear."""

_MOST_DEAR_WEIGHED, _WEIGHED_BYTES = 24, 4096
"""And more, up to the first number, until the growth should have been so many bytes."""

_MOST_ENDS = 3
"""How often a growth that does not go on is followed further."""


def follow_and_weigh(
    seen: GrowthPass,
    process: ReplayingProcess,
    patience: StopPolicy,
    budget: Budget,
    allowed: Mapping[str, float],
    watch: Callable[[], None],
) -> None:
    """Follow, name what rises beside memory, and find out whether what grows has a limit; the process may end then."""
    follow(seen, process, patience, budget, allowed, watch)
    _name(seen, process, allowed)
    for _ in range(_MOST_ENDS):
        if not _weigh(seen, process):
            return
        # something is full and the growth that was read has ended: more calls tell what is left of it
        calls = seen.progress.calls
        follow(seen, process, patience, budget, allowed, watch, at_least=int(calls * 1.35))
        if seen.progress.calls == calls:
            break
        if seen.shape is not None and seen.shape.flat:
            return
    if seen.shape is not None and seen.shape.rising:
        seen.shape = replace(seen.shape, rising=False)
        seen.stopped_by = seen.stopped_by or used_up(seen, patience)


def growth_of(seen: GrowthPass, shape: Shape) -> Growth:
    """Return the growth; of what grows beside a container with a limit, what is left without that one."""
    growth = estimate_growth(seen.progress, shape)
    if not seen.beside:
        return growth
    beside = sum(one.bytes_per_1000_calls for one in seen.beside)
    left = growth.high - CALLS_PER_RATE * seen.filled_bytes_per_call
    return replace(growth, bytes_per_1000_calls=beside, low=min(beside, max(growth.low, 0.0)), high=max(beside, left))


def _name(seen: GrowthPass, process: ReplayingProcess, allowed: Mapping[str, float]) -> None:
    """Ask what the open files, threads and the like are, where they rise: that process has them all at hand."""
    risen = [resource.kind.value for resource in judge_resources(seen.progress.readings, allowed)]
    if risen:
        answer = process.ask({"kind": "name", "resources": risen}, during="the naming of what rises")
        seen.named = part(answer, "resources", dict[str, tuple[NamedCount, ...]])


def _weigh(seen: GrowthPass, process: ReplayingProcess) -> bool:
    """Ask for filling containers with a limit, where the heap rises; tell whether the growth has ended meanwhile."""
    if seen.shape is None or seen.shape.flat or seen.shape.meter is Meter.RSS:
        return False
    growth = estimate_growth(seen.progress, seen.shape)
    if growth.bytes_per_1000_calls <= 0:
        return False
    cost = max(seen.progress.seconds_per_call, 1e-9)
    # under teeth, what some calls gain is chance
    rate = 0.0 if has_teeth(seen.shape.tail) else max(growth.low, 0.0) / CALLS_PER_RATE
    fewest = min(seen.progress.calls, _MOST_DEAR_WEIGHED, max(_FEWEST_WEIGHED, ceil(_WEIGHED_BYTES / max(rate, 1.0))))
    most = max(fewest, int(_LONGEST_WEIGHING_SECONDS / cost))
    calls = max(1, fewest, min(int(seen.progress.calls * _WEIGHED_SHARE), most))
    answer = process.ask(
        {"kind": "weigh", "calls": calls, "rate": rate, "least": _least(seen.shape, calls)},
        during="the search for limits",
        extra_seconds=6 * calls * cost,
    )
    weighed = part(answer, "weighed", BoundedAnswer)
    if weighed.has_ended:
        return True
    holder = holder_with_limit(growth, weighed.limited)
    if holder is not None and weighed.beside:
        seen.beside = weighed.beside
        seen.filled_bytes_per_call = sum(one.bytes_per_1000_calls for one in weighed.limited) / CALLS_PER_RATE
    else:
        seen.bounded_by = holder
    return False


def _least(shape: Shape, calls: int) -> float:
    """Return what the poorest stretch of about so many calls gained, in bytes of the heap; 0 where steps are rare."""
    if shape.meter is not Meter.HEAP or shape.table_rate is not None or shape.expansions:
        return 0.0
    return calls * max(0.0, least_rate(shape.tail, calls / shape.tail.last_call))
