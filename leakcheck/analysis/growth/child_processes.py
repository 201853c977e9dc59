"""Memory of child processes that live on: does it stand still, and what does that make of the scenario's verdict?

Only pages of theirs are seen, so they are followed as a rise is: for a while, and not until the first standstill.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import (
    FEWEST_FLAT_CALLS,
    FLAT_CALLS,
    MOST_RISING_CALLS,
    RISING_SECONDS,
    rising_calls,
)
from leakcheck.analysis.growth.stopping import NextBlock
from leakcheck.analysis.growth.trend import CHUNKS, Slope, falls_back, is_flat, is_rising, slope, standstill
from leakcheck.model.child_processes import Children, ChildrenReading
from leakcheck.model.result import Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

_PARTS, _PARTS_UNDER_TEETH = 20, 200
"""Looks at living children in each block, so that there are enough of them to judge by where few calls fit; and where
children are replaced now and then, or set free what they have gathered."""

_SMALLEST_RATE, _SMALLEST_RISE_BYTES = 64.0, 256 * 1024
"""As for resident pages: bytes per call that count as standing still, and the least rise that is a leak."""

_RESOLUTION_BYTES = 2 * 4096.0
"""Of a standstill: a page at either end, which the first byte of it takes whole."""

_RESOLUTION_OF_RISE_BYTES = 16 * 1024.0
"""Of a rise: what pymalloc asks for at once, a pool, which fills up unseen."""

_WIDEST_DOUBT = 32.0
"""Bytes per call. A standstill that is known less closely, because of teeth, is none: as for the scenario itself."""

_MOST_SETTLING_BYTES = 64 * 1024
"""Pages that a healthy server adds for a thousand calls, ever more seldom: an SMTP server took 64 KiB from call 100
to 1000. What is added with the calls adds them to each stretch of calls, and is no standstill however few they are."""

_FLAT_SECONDS = 20.0
_MOST_BYTES_PER_CALL = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildMemoryVerdict:
    """What a scenario's growth and verdict are with its children taken in."""

    growth: Growth
    verdict: Verdict
    is_changed: bool = False
    """The children decided: what was found to end the scenario's own growth is no answer any more."""


def in_parts(
    step: NextBlock, readings: Sequence[tuple[int, ChildrenReading]], *, most: int | None = None
) -> Iterator[NextBlock]:
    """Yield the step, or `most` parts of it at most: after each, children are looked at where some have lived."""
    toothed = falls_back(Series(range(len(readings)), [reading.held_bytes for _, reading in readings]))
    wanted = _PARTS_UNDER_TEETH if toothed else _PARTS
    count = min(wanted, step.windows, wanted if most is None else most) if readings else 1
    for number in range(count):
        windows = step.windows * (number + 1) // count - step.windows * number // count
        yield replace(step, windows=windows)


def judged_children(
    readings: Sequence[tuple[int, ChildrenReading]], progress: ReplayProgress, *, final: bool
) -> Children | None:
    """Return what the children do; None where none ever lived on, inconclusive while it is too early to say.

    `readings` are of so many calls each.
    """
    lived = [reading for calls, reading in readings if reading.processes and calls >= progress.calls / 4]
    if not lived:
        return None
    unmeasured = max(reading.unmeasured for reading in lived)
    verdict, rate = Verdict.INCONCLUSIVE, None
    if not unmeasured:
        calls = [after for after, _ in readings]
        held = Series(calls, [reading.held_bytes for _, reading in readings])
        gained = Series(calls, [reading.gained_bytes for _, reading in readings])
        verdict, rate = _judged(held, gained, progress, final=final)
    low, high = (-math.inf, math.inf) if rate is None else (rate.low, rate.high)
    return Children(
        processes=lived[-1].processes,
        unmeasured=unmeasured,
        verdict=verdict,
        bytes_per_1000_calls=0.0 if rate is None else CALLS_PER_RATE * rate.per_call,
        low=CALLS_PER_RATE * max(low, -_MOST_BYTES_PER_CALL),
        high=CALLS_PER_RATE * min(high, _MOST_BYTES_PER_CALL),
        calls=tuple(after for after, _ in readings),
        held_bytes=tuple(reading.held_bytes for _, reading in readings),
    )


def _judged(held: Series, gained: Series, progress: ReplayProgress, *, final: bool) -> tuple[Verdict, Slope | None]:
    calls, cost = progress.calls, progress.seconds_per_call
    late = held.after(calls / 4)
    rises = is_rising(late)
    if rises and (final or calls >= rising_calls(cost)) and late.values[-1] - late.values[0] >= _SMALLEST_RISE_BYTES:
        return Verdict.LEAK, slope(late, resolution=_RESOLUTION_OF_RISE_BYTES)
    if rises or not (final or calls >= _believed_calls(cost)):
        return Verdict.INCONCLUSIVE, None
    since = calls / 2 if final else calls - max(_flat_calls(cost), calls / 3)
    # children that come and go take what they take: what one gains while it lives is what may go on
    for series in (held, gained):
        tail = series.after(since)
        if _stands_still(tail) or _hardly_moves(series.after(calls / 4)):
            return Verdict.CLEAN, standstill(tail, resolution=_RESOLUTION_BYTES)
    return Verdict.INCONCLUSIVE, None


def _stands_still(tail: Series) -> bool:
    """Tell whether a level is held, which teeth do not hide."""
    return is_flat(tail, smallest_rate=_SMALLEST_RATE) and standstill(tail, resolution=0).doubt <= _WIDEST_DOUBT


def _hardly_moves(late: Series) -> bool:
    """Tell whether so few pages were added that a server may need them that settles slowly."""
    return len(late) >= 2 * CHUNKS and late.spread < _MOST_SETTLING_BYTES


def _flat_calls(cost: float) -> float:
    return min(max(_FLAT_SECONDS / max(cost, 1e-9), FEWEST_FLAT_CALLS), FLAT_CALLS)


def _believed_calls(cost: float) -> float:
    """Return after how many calls a standstill is believed: what was set free before is filled first, unseen."""
    return max(_flat_calls(cost), min(RISING_SECONDS / max(cost, 1e-9), MOST_RISING_CALLS))


def are_children_settled(children: Children | None) -> bool:
    """Tell whether looking further would change nothing that is said of the children."""
    return children is None or children.unmeasured > 0 or children.verdict is not Verdict.INCONCLUSIVE


def with_children(growth: Growth, verdict: Verdict, children: Children | None) -> ChildMemoryVerdict:
    """Return the growth and the verdict of a scenario together with its children.

    What the children surely gain is a leak, whatever ends the scenario's own growth; the larger of two leaks is the
    figure. Where nothing is known of them, nothing is green.
    """
    if children is None:
        return ChildMemoryVerdict(growth=growth, verdict=verdict)
    if children.verdict is Verdict.LEAK:
        if verdict is Verdict.LEAK and growth.bytes_per_1000_calls >= children.bytes_per_1000_calls:
            return ChildMemoryVerdict(growth=growth, verdict=verdict)
        theirs = replace(
            growth,
            bytes_per_1000_calls=children.bytes_per_1000_calls,
            low=children.low,
            high=children.high,
            meter=Meter.CHILDREN,
            from_call=growth.calls // 4,
        )
        return ChildMemoryVerdict(growth=theirs, verdict=Verdict.LEAK, is_changed=True)
    if verdict is Verdict.LEAK:
        return ChildMemoryVerdict(growth=growth, verdict=verdict)
    if children.verdict is Verdict.INCONCLUSIVE:
        return ChildMemoryVerdict(growth=growth, verdict=Verdict.INCONCLUSIVE, is_changed=True)
    return ChildMemoryVerdict(growth=growth, verdict=verdict)
