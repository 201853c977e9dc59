"""The memory of child processes that outlive a call, and what it does to the verdict of a scenario.

Only their resident pages can be read. So a plateau of theirs is accepted as late as a rise is, and not at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from leakcheck.analysis.growth.estimate import SETTLING_BYTES
from leakcheck.analysis.growth.native_bound import HIDDEN_BYTES, WIDEST_CLEAN_BYTES_PER_CALL
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import (
    MOST_RISING_CALLS,
    RISING_SECONDS,
    SMALLEST_RSS_RATE,
    flat_calls,
    rising_calls,
)
from leakcheck.analysis.growth.stopping import NextBlock
from leakcheck.analysis.growth.trend import (
    CHUNKS,
    Slope,
    falls_like_a_sawtooth,
    is_flat,
    is_rising,
    plateau_rate,
    slope,
)
from leakcheck.model.child_processes import Children, ChildrenReading
from leakcheck.model.result import Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

_PARTS = 20  # any value from 10 to 100 does: a verdict takes sixteen readings, from several blocks
_PARTS_UNDER_SAWTOOTH = 200  # any value from 100 to 1000 does: more readings than teeth, and more only cost time
"""Readings of child processes per block, so that there are enough even if few calls fit. A sawtooth needs more of them:
children that are replaced now and then, or free what they have gathered."""

_RESOLUTION_BYTES = 2 * 4096.0  # not tuned: a page at either end, which becomes resident with its first byte
"""Of a plateau."""

_RESOLUTION_OF_RISE_BYTES = 16 * 1024.0  # not tuned: a pool of pymalloc, which fills up without becoming larger
"""Of a rise."""

_MOST_BYTES_PER_CALL = 1e12  # any value from 1e9 to 1e300 does: JSON has no infinity


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildMemoryVerdict:
    """The growth and the verdict of a scenario together with its child processes."""

    growth: Growth
    verdict: Verdict
    is_changed: bool = False
    """Whether the children decided: then the limit of the scenario's own growth does not explain the result."""


def split_block(
    block: NextBlock, readings: Sequence[tuple[int, ChildrenReading]], *, most: int | None = None
) -> Iterator[NextBlock]:
    """Yield the block in parts, at most `most`, after each of which child processes are read; whole if none ran yet."""
    is_sawtooth = falls_like_a_sawtooth(Series(range(len(readings)), [reading.held_bytes for _, reading in readings]))
    parts = _PARTS_UNDER_SAWTOOTH if is_sawtooth else _PARTS
    count = min(parts, block.windows, parts if most is None else most) if readings else 1
    for number in range(count):
        windows = block.windows * (number + 1) // count - block.windows * number // count
        yield replace(block, windows=windows)


def judge_children(
    readings: Sequence[tuple[int, ChildrenReading]], progress: ReplayProgress, *, final: bool
) -> Children | None:
    """Return the verdict on child processes; None if none outlived a call, INCONCLUSIVE while it is too early.

    `readings` are pairs of the calls replayed so far and a reading.
    """
    running = [reading for after, reading in readings if reading.processes and after >= progress.calls / 4]
    if not running:
        return None
    unmeasured = max(reading.unmeasured for reading in running)
    calls = tuple(after for after, _ in readings)
    verdict, rate = Verdict.INCONCLUSIVE, None
    if not unmeasured:
        held = Series(calls, [reading.held_bytes for _, reading in readings])
        gained = Series(calls, [reading.gained_bytes for _, reading in readings])
        verdict, rate = _judged(held, gained, progress, final=final)
    low, high = (-math.inf, math.inf) if rate is None else (rate.low, rate.high)
    return Children(
        processes=running[-1].processes,
        unmeasured=unmeasured,
        verdict=verdict,
        bytes_per_1000_calls=0.0 if rate is None else CALLS_PER_RATE * rate.per_call,
        low=CALLS_PER_RATE * max(low, -_MOST_BYTES_PER_CALL),
        high=CALLS_PER_RATE * min(high, _MOST_BYTES_PER_CALL),
        calls=calls,
        held_bytes=tuple(reading.held_bytes for _, reading in readings),
    )


def _judged(held: Series, gained: Series, progress: ReplayProgress, *, final: bool) -> tuple[Verdict, Slope | None]:
    calls, cost = progress.calls, progress.seconds_per_call
    late = held.after(calls / 4)
    rises = is_rising(late)
    if rises and (final or calls >= rising_calls(cost)) and late.rise >= HIDDEN_BYTES:
        return Verdict.LEAK, slope(late, resolution=_RESOLUTION_OF_RISE_BYTES)
    if rises or not (final or calls >= _plateau_calls(cost)):
        return Verdict.INCONCLUSIVE, None
    since = calls / 2 if final else calls - max(flat_calls(cost), calls / 3)
    # children that come and go change the total; then what each gains while it lives decides
    for series in (held, gained):
        tail = series.after(since)
        if _is_plateau(tail) or _has_settled(series.after(calls / 4)):
            return Verdict.CLEAN, plateau_rate(tail, resolution=_RESOLUTION_BYTES)
    return Verdict.INCONCLUSIVE, None


def _is_plateau(tail: Series) -> bool:
    """Return whether the level is constant, with bounds that a sawtooth does not widen too far."""
    is_constant = is_flat(tail, smallest_rate=SMALLEST_RSS_RATE)
    return is_constant and plateau_rate(tail, resolution=0).uncertainty <= WIDEST_CLEAN_BYTES_PER_CALL


def _has_settled(late: Series) -> bool:
    """Return whether no more pages were added than a slowly settling server needs: an SMTP server took 64 KiB.

    A leak adds pages at a constant rate, which is no plateau, however few they are.
    """
    return len(late) >= 2 * CHUNKS and late.spread < SETTLING_BYTES


def _plateau_calls(cost: float) -> float:
    """Return after how many calls a plateau is accepted: before that, a leak may still fill freed memory unseen."""
    return max(flat_calls(cost), min(RISING_SECONDS / max(cost, 1e-9), MOST_RISING_CALLS))


def are_children_settled(children: Children | None) -> bool:
    """Return whether more calls would not change the verdict on the children."""
    return children is None or children.unmeasured > 0 or children.verdict is not Verdict.INCONCLUSIVE


def with_children(growth: Growth, verdict: Verdict, children: Children | None) -> ChildMemoryVerdict:
    """Return the growth and the verdict of a scenario together with its children.

    A leak in the children is a leak, whatever limits the scenario's own growth, and the larger of two leaks is the
    figure. Inconclusive children make a result without a leak inconclusive.
    """
    own = ChildMemoryVerdict(growth=growth, verdict=verdict)
    if children is None:
        return own
    if children.verdict is Verdict.LEAK:
        if verdict is Verdict.LEAK and growth.bytes_per_1000_calls >= children.bytes_per_1000_calls:
            return own
        theirs = replace(
            growth,
            bytes_per_1000_calls=children.bytes_per_1000_calls,
            low=children.low,
            high=children.high,
            meter=Meter.CHILDREN,
            from_call=growth.calls // 4,
        )
        return ChildMemoryVerdict(growth=theirs, verdict=Verdict.LEAK, is_changed=True)
    if children.verdict is Verdict.INCONCLUSIVE and verdict is not Verdict.LEAK:
        return ChildMemoryVerdict(growth=growth, verdict=Verdict.INCONCLUSIVE, is_changed=True)
    return own
