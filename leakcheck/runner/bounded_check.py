"""The check whether what grows has a limit, at the end of the growth pass.

A scenario is bounded when a container with a proven limit gained the bytes that memory gains, in calls replayed for
this check. A container that is full already explains no growth, and neither does one that fills beside a container
without a limit that gains an entry with each call.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from leakcheck.analysis.gate.verdict import bounded_cause
from leakcheck.analysis.growth.estimate import estimate_growth
from leakcheck.analysis.growth.resources import judge_resources
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.stopping import StopPolicy
from leakcheck.analysis.growth.trend import has_sawtooth, least_rate
from leakcheck.model.answers import BoundedAnswer
from leakcheck.model.explanation import NamedCount
from leakcheck.model.result import Budget, Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.runner.answer_decoding import decode_field
from leakcheck.runner.child_memory import ReplayingProcess
from leakcheck.runner.growth_pass import GrowthPass, exhausted_limit, replay_until_clear

_SHARE_OF_CALLS = 1 / 20
_FEWEST_CALLS, _LONGEST_SECONDS = 8, 2.0
"""One or two calls give no reliable rate: eight are replayed even where they are slow."""

_MOST_SLOW_CALLS, _EXPECTED_BYTES = 24, 4096
"""Slow calls are replayed until the growth should amount to so many bytes, but no more of them than this."""

_MOST_CHECKS = 3
"""How often a growth that has ended meanwhile is followed further and checked again."""


def follow_and_search_limits(
    state: GrowthPass,
    process: ReplayingProcess,
    policy: StopPolicy,
    budget: Budget,
    resource_budgets: Mapping[str, float],
    watch: Callable[[], None],
) -> None:
    """Follow the scenario, name the resources that rise, and check whether what grows has a limit.

    These are the last requests to the measured process before it finishes. Raises WorkerFailed.
    """
    replay_until_clear(state, process, policy, budget, resource_budgets, watch)
    _name_resources(state, process, resource_budgets)
    for _ in range(_MOST_CHECKS):
        if not _search_limits(state, process):
            return
        # a container is full, and the growth that was read has ended: more calls show what is left of it
        calls = state.progress.calls
        replay_until_clear(state, process, policy, budget, resource_budgets, watch, at_least=int(calls * 1.35))
        if state.progress.calls == calls:
            break
        if state.shape is not None and state.shape.flat:
            return
    if state.shape is not None and state.shape.rising:
        state.shape = replace(state.shape, rising=False)
        state.stopped_by = state.stopped_by or exhausted_limit(state, policy)


def growth_of(state: GrowthPass, shape: Shape) -> Growth:
    """Return the growth; where containers without a limit grow beside a bounded one, theirs alone."""
    growth = estimate_growth(state.progress, shape)
    if not state.unbounded:
        return growth
    rate = sum(container.bytes_per_1000_calls for container in state.unbounded)
    most = growth.high - CALLS_PER_RATE * state.bounded_bytes_per_call
    return replace(growth, bytes_per_1000_calls=rate, low=min(rate, max(growth.low, 0.0)), high=max(rate, most))


def _name_resources(state: GrowthPass, process: ReplayingProcess, resource_budgets: Mapping[str, float]) -> None:
    """Have the process name the open files, threads and the like that rise."""
    rising = [resource.kind.value for resource in judge_resources(state.progress.readings, resource_budgets)]
    if rising:
        answer = process.ask({"kind": "name", "resources": rising}, during="the naming of growing resources")
        state.resource_names = decode_field(answer, "resources", dict[str, tuple[NamedCount, ...]])


def _search_limits(state: GrowthPass, process: ReplayingProcess) -> bool:
    """Have the process search for containers with a limit; return whether the growth has ended meanwhile.

    Nothing is searched for where no meter of the heap rises.
    """
    if state.shape is None or state.shape.flat or state.shape.meter is Meter.RSS:
        return False
    growth = estimate_growth(state.progress, state.shape)
    if growth.bytes_per_1000_calls <= 0:
        return False
    cost = max(state.progress.seconds_per_call, 1e-9)
    # under a sawtooth, what a few calls gain is chance
    rate = 0.0 if has_sawtooth(state.shape.tail) else max(growth.low, 0.0) / CALLS_PER_RATE
    fewest = min(state.progress.calls, _MOST_SLOW_CALLS, max(_FEWEST_CALLS, ceil(_EXPECTED_BYTES / max(rate, 1.0))))
    most = max(fewest, int(_LONGEST_SECONDS / cost))
    calls = max(1, fewest, min(int(state.progress.calls * _SHARE_OF_CALLS), most))
    answer = process.ask(
        {"kind": "weigh", "calls": calls, "rate": rate, "least": _least_gain(state.shape, calls)},
        during="the search for container limits",
        extra_seconds=6 * calls * cost,
    )
    bounded = decode_field(answer, "weighed", BoundedAnswer)
    if bounded.has_ended:
        return True
    container = bounded_cause(growth, bounded.limited)
    if container is not None and bounded.beside:
        state.unbounded = bounded.beside
        bounded_rate = sum(container.bytes_per_1000_calls for container in bounded.limited)
        state.bounded_bytes_per_call = bounded_rate / CALLS_PER_RATE
    else:
        state.bounded_by = container
    return False


def _least_gain(shape: Shape, calls: int) -> float:
    """Return the least bytes of the heap that so many successive calls gained; 0 where steps are rare."""
    if shape.meter is not Meter.HEAP or shape.table_rate is not None or shape.capacity_steps:
        return 0.0
    return calls * max(0.0, least_rate(shape.tail, calls / shape.tail.last_call))
