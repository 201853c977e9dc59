"""From the readings to a growth with bounds, in bytes per 1000 calls."""

import math
from dataclasses import replace

from leakcheck.analysis.growth.geometric import capacity_rate
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.trend import (
    RESOLUTION_BYTES,
    SMALLEST_RATE,
    Slope,
    rate_without_bounds,
    slope,
    standstill,
)
from leakcheck.model.answers import Readings
from leakcheck.model.result import Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE

_BLOCK_BYTES, _MOST_BLOCK_BYTES = 64, 512
_RESOLUTION = {Meter.HEAP: RESOLUTION_BYTES, Meter.RSS: 4096.0}
_SETTLED_RISE_BYTES = 64 * 1024
_NEARLY = 0.99
"""Of the rise: small teeth may touch the floor of the standstill long after it was reached."""
_WARM_UP_CALLS = 100


def rate_of(shape: Shape) -> Slope:
    """Return the bytes per call, with bounds, that the meter which decided shows, and what it cannot see may be."""
    rate, hidden = _shown(shape), shape.hidden_bytes_per_call
    if not hidden:
        return rate
    # what Python's own bytes gain is gained, whatever C does; of what stands still, native memory may also shrink
    return replace(rate, low=rate.low - hidden if shape.flat else rate.low, high=rate.high + hidden)


def _shown(shape: Shape) -> Slope:
    if shape.table_rate is not None:
        return shape.table_rate
    if shape.expansions:
        return capacity_rate(list(shape.expansions))
    estimate = standstill if shape.flat else slope
    if shape.meter is Meter.BLOCKS:
        return _from_blocks(estimate(shape.tail, resolution=1.0))
    return estimate(shape.tail, resolution=_RESOLUTION[shape.meter])


def estimate_growth(progress: ReplayProgress, shape: Shape) -> Growth:
    """Return the growth on the meter that decided, with the other meters' rates beside it.

    All are estimated over the same calls: those that the verdict rests on.
    """
    readings, since = progress.readings, shape.tail.calls[0] if len(shape.tail) else 0.0
    per_call = rate_of(shape)
    blocks = _rate(readings, readings.blocks, since)
    return Growth(
        bytes_per_1000_calls=CALLS_PER_RATE * per_call.per_call,
        low=_finite(CALLS_PER_RATE * per_call.low),
        high=_finite(CALLS_PER_RATE * per_call.high),
        meter=shape.meter,
        heap_bytes_per_1000_calls=_rate(readings, readings.heap_bytes or readings.python_bytes, since),
        rss_bytes_per_1000_calls=_rate(readings, readings.rss_bytes, since),
        blocks_per_1000_calls=blocks if blocks is not None else 0.0,
        calls=progress.calls,
        from_call=int(since) if len(shape.tail) else None,
        from_lengths=shape.table_rate is not None,
    )


def settled_after(progress: ReplayProgress, shape: Shape) -> int | None:
    """Return the call at which memory that had grown stood still; None where it hardly grew.

    Caches that fill in the first hundred calls, and less than 64 KiB, are every program's.
    """
    readings = progress.readings
    whole = Series(readings.calls, readings.heap_bytes or readings.python_bytes or (0,) * len(readings.calls))
    grown = whole.after(_WARM_UP_CALLS)
    # pages and blocks are no bytes of a cache: their tail is compared with nothing
    if not shape.flat or shape.meter is not Meter.HEAP or len(grown) < 2:
        return None
    floor = min(shape.tail.values)
    if floor - grown.values[0] < _SETTLED_RISE_BYTES:
        return None
    nearly = grown.values[0] + _NEARLY * (floor - grown.values[0])
    settled = next(call for call, held in zip(grown.calls, grown.values, strict=True) if held >= nearly)
    # what rises by less than counts as standing still has not stopped rising
    return int(settled) if floor - grown.values[0] >= SMALLEST_RATE * settled else None


def rate_until(readings: Readings, calls: int) -> float:
    """Return the bytes per 1000 calls that memory grew by until it stood still after so many calls."""
    heap = readings.heap_bytes or readings.python_bytes
    risen = [(at, held) for at, held in zip(readings.calls, heap, strict=False) if at <= calls]
    if len(risen) < 2:
        return 0.0
    (first, before), (last, after) = risen[0], risen[-1]
    return CALLS_PER_RATE * (after - before) / max(last - first, 1)


def _rate(readings: Readings, column: tuple[int, ...], since: float) -> float | None:
    if not column:
        return None
    return CALLS_PER_RATE * rate_without_bounds(Series(readings.calls, column).after(since))


def _from_blocks(blocks: Slope) -> Slope:
    """Return bytes for pymalloc's blocks, each of which holds 512 bytes at most."""
    return Slope(
        per_call=_BLOCK_BYTES * blocks.per_call,
        low=min(_BLOCK_BYTES / 4 * blocks.low, _MOST_BLOCK_BYTES * blocks.low),
        high=max(_BLOCK_BYTES / 4 * blocks.high, _MOST_BLOCK_BYTES * blocks.high),
        doubt=_MOST_BLOCK_BYTES * blocks.doubt,
    )


def _finite(bound: float) -> float:
    """Return a bound that JSON can carry: nothing known is written as a terabyte per call."""
    return max(-1e15, min(bound, 1e15)) if not math.isnan(bound) else 0.0
