"""Capacity that grows by a factor: a vector in C++, pools of an arena, an array that is doubled when it is full.

Between two of its steps it stands still for as long as it took to get there, so a standstill after a step is
none before the next step is overdue; and steps that keep up with the calls are a leak, though no window rises.
"""

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise

from leakcheck.analysis.growth.series import Numbers, Series, steps_of
from leakcheck.analysis.growth.trend import Slope

_LARGEST_FACTOR = 4.0
"""Pools that are four times the one before are the steepest in use; steps further apart are not one growth."""

_OVERDUE = 1.25
_SMALLEST_STEP_BYTES, _SMALLEST_STEP_PER_CALL = 512.0, 1.0
"""Of all calls so far: a vector that takes one byte with each call is doubled in steps of that size."""

_LARGEST_ROOM_BYTES, _SMALLEST_ENTRY_BYTES = 16 * 1024, 8
"""What was doubled has room for as much as the step, and a pointer a call is the least that fills it. A larger step is
mostly no capacity, but a module that is imported late."""

_PLATEAU_SHARE, _CLIMB_SHARE = 1 / 16, 1 / 64
"""Of the calls so far: a step comes after a standstill of the one at least, and takes the other at most."""

_PLATEAU_RISE = 1 / 4
"""Of the step: what may rise before it. A dict that fills rises all along, and its table's doubling is no step here."""

_FEWEST, _SHORTEST_CHAIN = 3, 8.0
_LATE_SHARE = 1 / 4
_LARGER = 2.0
"""What is taken in the later three quarters of the calls, to what was taken before, at the least. What is kept now and
then takes as much each time, and is a leak of another kind."""

_STEADY = 3.0
"""Two sequences that take turns, as an arena's pools and its table do, stay within this factor of a straight line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityStep:
    """A sudden rise for good, after a standstill: at which call, and the bytes that were live before and after it."""

    call: float
    before: float
    after: float


def expansions_of(series: Series) -> list[CapacityStep]:
    """Return the steps of what is retained, in order; none of a smooth rise, and none of teeth.

    Under teeth that are higher than a step, the step is the chance in where they were read.
    """
    if len(series) < 2:
        return []
    # what no later reading falls below is retained: teeth vanish
    retained = [*accumulate(reversed(series.values), min)][::-1]
    calls = series.calls
    sudden = [
        at
        for at, (rise, call) in enumerate(zip(steps_of(retained), calls[1:], strict=True))
        if rise >= _SMALLEST_STEP_BYTES and rise >= _SMALLEST_STEP_PER_CALL * call
    ]
    # what came before the very first reading nobody saw rise
    unseen = calls[0] if calls[0] <= 2 * (calls[1] - calls[0]) else 0.0
    found: list[CapacityStep] = []
    since = 0
    for climb in _climbs(sudden, calls):
        first, last = climb[0], climb[-1] + 1
        rise, end = retained[last] - retained[first], calls[last]
        stood = calls[first] - calls[since] + (unseen if since == 0 else 0.0)
        is_sudden = calls[last] - calls[first] <= max(_CLIMB_SHARE * end, calls[first + 1] - calls[first])
        teeth = max(series.values[since : first + 1]) - retained[first]
        if (
            is_sudden
            and teeth <= rise
            and stood >= _PLATEAU_SHARE * end
            and retained[first] - retained[since] <= _PLATEAU_RISE * rise
        ):
            found.append(CapacityStep(call=end, before=retained[first], after=retained[last]))
        since = last
    return found


def _climbs(sudden: list[int], calls: Numbers) -> list[list[int]]:
    """Return rises that follow upon each other as one."""
    climbs: list[list[int]] = []
    for place in sudden:
        if climbs and calls[place] - calls[climbs[-1][-1] + 1] <= _CLIMB_SHARE * calls[place]:
            climbs[-1].append(place)
        else:
            climbs.append([place])
    return climbs


def next_expansion_by(expansions: list[CapacityStep]) -> float:
    """Return the call by which a capacity that grew so would have grown again; 0 for no expansions.

    What has grown all along does so after as many calls again; of a single expansion nobody knows, and what was large
    before the first call does when the room that it got is used up.
    """
    if not expansions:
        return 0.0
    late, last = expansions[-_FEWEST - 1 :], expansions[-1]
    factor = max((later.call / earlier.call for earlier, later in pairwise(late)), default=_LARGEST_FACTOR)
    by = _OVERDUE * min(factor, _LARGEST_FACTOR) * last.call
    if len(expansions) > 1 or _size(last) > _LARGEST_ROOM_BYTES:
        return by
    return max(by, _OVERDUE * (last.call + _size(last) / _SMALLEST_ENTRY_BYTES))


def keeping_up(expansions: list[CapacityStep]) -> list[CapacityStep]:
    """Return the latest expansions whose levels rise as the calls do; none where they are too few to say so.

    Each comes at no more than four times the calls of the one before, all together span a factor of
    eight, they become larger, and hold as much for each call all along, within a factor of three.
    """
    chain: list[CapacityStep] = []
    for one in reversed(expansions):
        if chain and chain[0].call > _OVERDUE * _LARGEST_FACTOR * one.call:
            break
        chain.insert(0, one)
    if len(chain) < _FEWEST or chain[-1].call < _SHORTEST_CHAIN * chain[0].call:
        return []
    early, late = _parts(chain)
    if max(map(_size, late)) < _LARGER * max(map(_size, early)):
        return []
    held = [(one.after - chain[0].before) / one.call for one in late]
    return chain if max(held) <= _STEADY * min(held) else []


def capacity_rate(chain: list[CapacityStep]) -> Slope:
    """Return the rate of expansions that keep up: between what each call needs just before one and just after it.

    What is used lies between the two, and nearer to the lower one, which counts against a budget. The
    figure is their geometric mean, the middle of a factor.
    """
    base, (_, late) = chain[0].before, _parts(chain)
    low = min((one.before - base) / one.call for one in late)
    high = max((one.after - base) / one.call for one in late)
    # more calls would not narrow it: the doubt is in the code and not in the readings
    return Slope(per_call=math.sqrt(max(low, 0.0) * high), low=low, high=high, doubt=0.0)


def _parts(chain: list[CapacityStep]) -> tuple[list[CapacityStep], list[CapacityStep]]:
    """Return those of the first quarter of the calls, and those of the rest; a chain has both."""
    border = _LATE_SHARE * chain[-1].call
    return [one for one in chain if one.call <= border], [one for one in chain if one.call > border]


def _size(expansion: CapacityStep) -> float:
    return expansion.after - expansion.before
