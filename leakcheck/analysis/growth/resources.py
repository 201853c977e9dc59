"""What is counted beside memory: does it rise with the calls, how fast, and is that allowed?

Counts are exact, so there is no noise to see through, only shape: a pool fills and then stands still,
workers come and go, and what leaks is never given back. So what counts is the *floor* of each stretch of
calls, as it does for memory.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Numbers, Series, steps_of
from leakcheck.analysis.growth.shape import RISING_SECONDS, rising_calls
from leakcheck.analysis.growth.trend import CHUNKS, STEADY_SHARE
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import NamedCount, Resource, ResourceKind
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Gate, Verdict

COLUMNS: Mapping[ResourceKind, str] = {
    ResourceKind.OPEN_FILES: "open_files",
    ResourceKind.THREADS: "threads",
    ResourceKind.CHILD_PROCESSES: "children",
    ResourceKind.ASYNCIO_TASKS: "tasks",
    ResourceKind.UNCOLLECTABLE_OBJECTS: "uncollectable",
}

_FEWEST, _FEWEST_LATE, _LEAST_LATE_SHARE = 10, 4, 1 / 3
"""A rise of less is not called a leak, nor one of which the later half brought fewer, or less than this
share of the earlier half: it may be the last of a pool that is filled at random."""

_LARGEST_POOL, _LARGEST_POOL_OF_CHEAP_CALLS = 256, 1000
"""A rise by more is no pool that fills; where calls are cheap, four times as much is waited for."""

_ENOUGH: Mapping[ResourceKind, int] = {
    ResourceKind.OPEN_FILES: 8000,
    ResourceKind.THREADS: 1000,
    ResourceKind.CHILD_PROCESSES: 1000,
}
"""Whoever has lost so many is shown to lose them, and the machine has others to serve."""

_SCATTER = 2.0
"""Standard deviations by which the later half may fall behind, where what leaks comes at random (Poisson)."""


def judge_resources(readings: Readings, budgets: Mapping[str, float]) -> tuple[Resource, ...]:
    """Return what rises steadily, with its rate; what stands still, or comes and goes, is not listed.

    `budgets` are per 1000 calls, by the kind's word; a kind without one is not looked at.
    """
    judged = (_judged(kind, series, budgets[kind]) for kind, series in _watched(readings, budgets))
    return tuple(resource for resource in judged if resource is not None)


def gate_resources(
    gate: Gate, failures: tuple[str, ...], resources: tuple[Resource, ...]
) -> tuple[Gate, tuple[str, ...]]:
    """Return the gate and the broken budgets with those of resources; an error stays one."""
    over = tuple(str(resource.kind) for resource in resources if resource.gate is Gate.OVER)
    unsure = any(resource.gate is Gate.INCONCLUSIVE for resource in resources)
    if gate is Gate.ERROR:
        return gate, failures
    if over:
        return Gate.OVER, (*failures, *over)
    return (Gate.INCONCLUSIVE if unsure and gate is Gate.WITHIN else gate), failures


def with_names(resources: tuple[Resource, ...], said: Mapping[str, tuple[NamedCount, ...]]) -> tuple[Resource, ...]:
    """Return the resources with what the measured process said they are."""
    return tuple(replace(resource, named=said.get(resource.kind, ())) for resource in resources)


def are_settled(progress: ReplayProgress, budgets: Mapping[str, float]) -> bool:
    """Tell whether looking further would change nothing: what rises is followed as far as memory is."""
    if progress.calls >= rising_calls(progress.seconds_per_call):
        return True
    most = _LARGEST_POOL if progress.seconds >= RISING_SECONDS else _LARGEST_POOL_OF_CHEAP_CALLS
    return not any(_may_rise(series) and _rise(series) <= most for _, series in _watched(progress.readings, budgets))


def may_rise(readings: Readings, budgets: Mapping[str, float]) -> bool:
    """Tell whether anything seems to be kept: of what cannot be taken back no more is to be lost."""
    return any(_may_rise(series) for _, series in _watched(readings, budgets))


def is_enough(readings: Readings, budgets: Mapping[str, float]) -> bool:
    """Tell whether so much was lost that replaying on would hurt the machine."""
    return any(
        kind in _ENOUGH and _rise(Series(readings.calls, getattr(readings, COLUMNS[kind]))) >= _ENOUGH[kind]
        for kind, _ in _watched(readings, budgets)
    )


def _watched(readings: Readings, budgets: Mapping[str, float]) -> Iterator[tuple[ResourceKind, Series]]:
    """Yield each kind that has a budget and enough readings, without the first quarter of the calls."""
    for kind, name in COLUMNS.items():
        column = getattr(readings, name)
        if kind not in budgets or len(column) != len(readings.calls) or not column or column[-1] <= min(column):
            continue
        late = Series(readings.calls, column).after(readings.calls[-1] / 4)
        if len(late) >= 2 * CHUNKS:
            yield kind, late


def _rise(series: Series) -> float:
    return series.values[-1] - series.values[0]


def _may_rise(series: Series) -> bool:
    """Tell whether something was kept, and lately too."""
    floors = series.floors(CHUNKS).values
    return min(steps_of(floors), default=0.0) >= 0 and floors[-1] > floors[len(floors) // 2]


def _judged(kind: ResourceKind, series: Series, budget: float) -> Resource | None:
    floors = series.floors(CHUNKS)
    if not _may_rise(series) or len(floors) < CHUNKS:
        return None
    rises = steps_of(floors.values)
    total = sum(rises)
    if total < _FEWEST or not _goes_on(rises):
        return None
    # how far the floors stray from the straight line: nothing for one a call, some where it comes at random
    line = [floors.values[0] + total * (call - floors.calls[0]) / floors.span for call in floors.calls]
    strayed = max(abs(value - expected) for value, expected in zip(floors.values, line, strict=True))
    rate, doubt = total / floors.span, (1 + 2 * strayed) / floors.span
    # that something stays with the calls is certain by now, however irregularly
    low, high = max(rate - doubt, 1 / floors.span), rate + doubt
    allowed = budget / CALLS_PER_RATE
    return Resource(
        kind=kind,
        per_1000_calls=CALLS_PER_RATE * rate,
        low=CALLS_PER_RATE * low,
        high=CALLS_PER_RATE * high,
        budget_per_1000_calls=budget,
        verdict=Verdict.LEAK,
        gate=Gate.OVER if low > allowed else Gate.WITHIN if high <= allowed else Gate.INCONCLUSIVE,
        count=int(series.values[-1]),
    )


def _goes_on(rises: Numbers) -> bool:
    """Tell whether the later half rises as the earlier one did, as far as chance allows, and to the end."""
    middle = len(rises) // 2
    early, late = sum(rises[:middle]), sum(rises[-middle:])
    expected = STEADY_SHARE * early
    least = max(expected - _SCATTER * math.sqrt(expected), _LEAST_LATE_SHARE * early, _FEWEST_LATE)
    return late >= least and any(rises[-2:])
