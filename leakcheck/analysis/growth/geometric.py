"""Geometric growth of a capacity: a vector in C++, the pools of an arena, an array that is doubled when it is full.

Between two steps it is flat for about as many calls as there were before. So a plateau after a step does not count
before the next step is overdue, and steps that keep up with the calls are a leak, although no window rises.
"""

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise

from leakcheck.analysis.growth.series import Numbers, Series, differences
from leakcheck.analysis.growth.trend import Slope

_LARGEST_FACTOR = 4.0
"""Pools of four times the size of the one before are the steepest in use; steps further apart are not one growth."""

_OVERDUE = 1.25
_SMALLEST_STEP_BYTES, _SMALLEST_STEP_PER_CALL = 512.0, 1.0
"""The latter times the calls so far: a vector that takes a byte per call doubles in steps of that size."""

_LARGEST_ROOM_BYTES, _SMALLEST_ENTRY_BYTES = 16 * 1024, 8
"""Of a first step: what doubled has room for as much as the step, and at least a pointer per call fills it. A larger
step is mostly not a capacity, but a module that is imported late."""

_PLATEAU_SHARE, _CLIMB_SHARE = 1 / 16, 1 / 64
"""Of the calls so far: a step follows a plateau of at least the former, and takes at most the latter."""

_PLATEAU_RISE = 1 / 4
"""Of the step: the most that may rise on the plateau before it, as the entries of a dict do until its table doubles."""

_GAPS = 3
"""The next step is expected after the widest of so many gaps, the latest ones."""

_SHORTEST_CHAIN = 8.0
"""The factor of calls over which steps must keep up. At most fivefold gaps span it with three steps or more."""

_LATE_SHARE = 1 / 4
_LARGER = 2.0
"""The least ratio of the largest step in the later three quarters of the calls to the largest before. Objects that are
kept now and then take as much each time, and are a leak of another kind."""

_STEADY = 3.0
"""The factor around a straight line within which two alternating sequences stay, as an arena's pools and its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityStep:
    """A sudden and lasting rise after a plateau: the call, and the live bytes before and after it."""

    call: float
    before: float
    after: float


def find_capacity_steps(series: Series) -> list[CapacityStep]:
    """Return the capacity steps of a series, in order; [] for a smooth rise or a sawtooth.

    Under a sawtooth that is higher than a step, the step is an accident of where the sawtooth was read.
    """
    if len(series) < 2:
        return []
    # retained is what no later reading falls below: a sawtooth disappears
    retained = [*accumulate(reversed(series.values), min)][::-1]
    calls = series.calls
    sudden = [
        index
        for index, (rise, call) in enumerate(zip(differences(retained), calls[1:], strict=True))
        if rise >= _SMALLEST_STEP_BYTES and rise >= _SMALLEST_STEP_PER_CALL * call
    ]
    # nothing is known of a rise before the first reading
    unseen = calls[0] if calls[0] <= 2 * (calls[1] - calls[0]) else 0.0
    steps: list[CapacityStep] = []
    since = 0
    for climb in _climbs(sudden, calls):
        first, last = climb[0], climb[-1] + 1
        rise, end = retained[last] - retained[first], calls[last]
        stood = calls[first] - calls[since] + (unseen if since == 0 else 0.0)
        is_sudden = calls[last] - calls[first] <= max(_CLIMB_SHARE * end, calls[first + 1] - calls[first])
        tooth = max(series.values[since : first + 1]) - retained[first]
        if (
            is_sudden
            and tooth <= rise
            and stood >= _PLATEAU_SHARE * end
            and retained[first] - retained[since] <= _PLATEAU_RISE * rise
        ):
            steps.append(CapacityStep(call=end, before=retained[first], after=retained[last]))
        since = last
    return steps


def _climbs(sudden: list[int], calls: Numbers) -> list[list[int]]:
    """Group the indexes of rises that follow closely upon each other."""
    climbs: list[list[int]] = []
    for index in sudden:
        if climbs and calls[index] - calls[climbs[-1][-1] + 1] <= _CLIMB_SHARE * calls[index]:
            climbs[-1].append(index)
        else:
            climbs.append([index])
    return climbs


def next_step_due(steps: list[CapacityStep]) -> float:
    """Return the call by which the next capacity step is overdue; 0 if there was no step.

    A capacity that grew from the first call on grows again after a similar factor. After a single step the factor is
    unknown, and a capacity that was large before the first call grows once its new room is used up.
    """
    if not steps:
        return 0.0
    late, last = steps[-_GAPS - 1 :], steps[-1]
    factor = max((later.call / earlier.call for earlier, later in pairwise(late)), default=_LARGEST_FACTOR)
    by = _OVERDUE * min(factor, _LARGEST_FACTOR) * last.call
    if len(steps) > 1 or _size(last) > _LARGEST_ROOM_BYTES:
        return by
    return max(by, _OVERDUE * (last.call + _size(last) / _SMALLEST_ENTRY_BYTES))


def sustained_steps(steps: list[CapacityStep]) -> list[CapacityStep]:
    """Return the latest steps if they keep up with the calls; [] if not, or if they are too few to tell.

    Each step comes at no more than five times the calls of the one before, together they span a factor of eight, they
    become larger, and the bytes per call stay within a factor of three.
    """
    chain: list[CapacityStep] = []
    for step in reversed(steps):
        if chain and chain[0].call > _OVERDUE * _LARGEST_FACTOR * step.call:
            break
        chain.insert(0, step)
    if not chain or chain[-1].call < _SHORTEST_CHAIN * chain[0].call:
        return []
    early, late = _parts(chain)
    if max(map(_size, late)) < _LARGER * max(map(_size, early)):
        return []
    per_call = [(step.after - chain[0].before) / step.call for step in late]
    return chain if max(per_call) <= _STEADY * min(per_call) else []


def capacity_rate(chain: list[CapacityStep]) -> Slope:
    """Return the rate of steps that keep up, bounded by the bytes per call just before a step and just after it.

    The bytes in use are between the two, and nearer to the lower one, which counts against a budget. The estimate is
    their geometric mean.
    """
    base, (_, late) = chain[0].before, _parts(chain)
    low = min((step.before - base) / step.call for step in late)
    high = max((step.after - base) / step.call for step in late)
    # more calls would not narrow the interval, which is a property of the code and not of the readings
    return Slope(per_call=math.sqrt(max(low, 0.0) * high), low=low, high=high, uncertainty=0.0)


def _parts(chain: list[CapacityStep]) -> tuple[list[CapacityStep], list[CapacityStep]]:
    """Return the steps of the first quarter of the calls, and the others; a chain has both."""
    border = _LATE_SHARE * chain[-1].call
    return [step for step in chain if step.call <= border], [step for step in chain if step.call > border]


def _size(step: CapacityStep) -> float:
    return step.after - step.before
