"""Resources other than memory (files, threads, ...): whether their counts rise, how fast, and whether that is allowed.

Counts are exact, so there is no noise, only shape: a pool fills and is then flat, workers come and go, and a leak is
never given back. So the lowest count of each chunk of calls decides, as for memory.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Numbers, Series, differences
from leakcheck.analysis.growth.shape import RISING_SECONDS, rising_calls
from leakcheck.analysis.growth.trend import CHUNKS, STEADY_SHARE
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import NamedCount, Resource, ResourceKind
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Gate, Verdict

_FEWEST, _FEWEST_LATE, _LEAST_LATE_SHARE = 10, 4, 1 / 3
"""A smaller rise is not called a leak, nor one whose later half is below the second number, or below this share of the
earlier half: it may be the end of a pool that fills at random."""

_LARGEST_POOL, _LARGEST_POOL_OF_CHEAP_CALLS = 256, 1000
"""A larger rise is not a pool that fills. With cheap calls, four times as much is waited for."""

_ENOUGH: Mapping[ResourceKind, int] = {
    ResourceKind.OPEN_FILES: 8000,
    ResourceKind.THREADS: 1000,
    ResourceKind.CHILD_PROCESSES: 1000,
}
"""After so many lost resources the leak is certain, and the machine must not run out of them."""

_SCATTER = 2.0
"""Standard deviations by which the later half may be smaller, because a leak may occur at random (Poisson)."""


def judge_resources(readings: Readings, budgets: Mapping[str, float]) -> tuple[Resource, ...]:
    """Return the resources that rise steadily, with their rates.

    `budgets` are per 1000 calls, by kind; a kind without a budget is not judged.
    """
    judged = (_judged(kind, series, budgets[kind]) for kind, series in _watched(readings, budgets))
    return tuple(resource for resource in judged if resource is not None)


def gate_resources(
    gate: Gate, failures: tuple[str, ...], resources: tuple[Resource, ...]
) -> tuple[Gate, tuple[str, ...]]:
    """Return the gate and the broken budgets, including those of resources; an error remains an error."""
    over = tuple(str(resource.kind) for resource in resources if resource.gate is Gate.OVER)
    unsure = any(resource.gate is Gate.INCONCLUSIVE for resource in resources)
    if gate is Gate.ERROR:
        return gate, failures
    if over:
        return Gate.OVER, (*failures, *over)
    return (Gate.INCONCLUSIVE if unsure and gate is Gate.WITHIN else gate), failures


def with_names(resources: tuple[Resource, ...], named: Mapping[str, tuple[NamedCount, ...]]) -> tuple[Resource, ...]:
    """Return the resources with the names that the measured process reported."""
    return tuple(replace(resource, named=named.get(resource.kind, ())) for resource in resources)


def are_settled(progress: ReplayProgress, budgets: Mapping[str, float]) -> bool:
    """Return whether more calls would not change the result; a rise is followed for as many calls as one of memory."""
    if progress.calls >= rising_calls(progress.seconds_per_call):
        return True
    most = _LARGEST_POOL if progress.seconds >= RISING_SECONDS else _LARGEST_POOL_OF_CHEAP_CALLS
    return not any(_may_rise(series) and series.rise <= most for _, series in _watched(progress.readings, budgets))


def may_rise(readings: Readings, budgets: Mapping[str, float]) -> bool:
    """Return whether any count may be rising, so that the growth pass must not lose more."""
    return any(_may_rise(series) for _, series in _watched(readings, budgets))


def has_lost_enough(readings: Readings, budgets: Mapping[str, float]) -> bool:
    """Return whether so many resources were lost that more calls would harm the machine."""
    return any(
        kind in _ENOUGH and Series(readings.calls, readings.counts[kind]).rise >= _ENOUGH[kind]
        for kind, _ in _watched(readings, budgets)
    )


def _watched(readings: Readings, budgets: Mapping[str, float]) -> Iterator[tuple[ResourceKind, Series]]:
    """Yield each kind with a budget and enough readings, without the first quarter of the calls."""
    for kind in ResourceKind:
        column = readings.counts.get(kind, ())
        if kind not in budgets or len(column) != len(readings.calls) or not column or column[-1] <= min(column):
            continue
        late = Series(readings.calls, column).after(readings.calls[-1] / 4)
        if len(late) >= 2 * CHUNKS:
            yield kind, late


def _may_rise(series: Series) -> bool:
    """Return whether the floors never fall, and rise in the later half."""
    floors = series.floors(CHUNKS).values
    return min(differences(floors), default=0.0) >= 0 and floors[-1] > floors[len(floors) // 2]


def _judged(kind: ResourceKind, series: Series, budget: float) -> Resource | None:
    floors = series.floors(CHUNKS)
    if not _may_rise(series) or len(floors) < CHUNKS:
        return None
    rises = differences(floors.values)
    total = sum(rises)
    if total < _FEWEST or not _goes_on(rises):
        return None
    # how far the floors deviate from a straight line: not at all for one per call, somewhat for a random leak
    line = [floors.values[0] + total * (call - floors.calls[0]) / floors.span for call in floors.calls]
    deviation = max(abs(value - expected) for value, expected in zip(floors.values, line, strict=True))
    rate, doubt = total / floors.span, (1 + 2 * deviation) / floors.span
    # that something stays is certain by now, however irregularly
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
    """Return whether the later half rises as much as the earlier one, within chance, and up to the end."""
    middle = len(rises) // 2
    early, late = sum(rises[:middle]), sum(rises[-middle:])
    expected = STEADY_SHARE * early
    least = max(expected - _SCATTER * math.sqrt(expected), _LEAST_LATE_SHARE * early, _FEWEST_LATE)
    return late >= least and any(rises[-2:])
