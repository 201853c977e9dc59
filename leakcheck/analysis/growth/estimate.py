"""Estimates a growth with bounds from the readings, in bytes per 1000 calls."""

import math
from dataclasses import replace

from leakcheck.analysis.growth.geometric import capacity_rate
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import MOST_BLOCK_BYTES, Shape
from leakcheck.analysis.growth.trend import (
    RESOLUTION_BYTES,
    SMALLEST_RATE,
    Slope,
    plateau_rate,
    rate_without_bounds,
    slope,
)
from leakcheck.model.answers import Readings
from leakcheck.model.result import Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE

_BLOCK_BYTES = 64
_RESOLUTION = {Meter.HEAP: RESOLUTION_BYTES, Meter.RSS: 4096.0}  # not tuned: a page
SETTLING_BYTES = 64 * 1024
"""What any program may add until it has warmed up."""

_SETTLED_SHARE = 0.99
"""Of the rise: a small sawtooth may touch the lowest level of the plateau long after it was reached."""
_WARM_UP_CALLS = 100


def rate_of(shape: Shape) -> Slope:
    """Return the bytes per call on the deciding meter, with bounds that include what it cannot see."""
    rate, hidden = _visible_rate(shape), shape.hidden_bytes_per_call
    if not hidden:
        return rate
    # a rise of Python's bytes is certain, whatever C code does; under a plateau hidden native memory may also shrink
    return replace(rate, low=rate.low - hidden if shape.flat else rate.low, high=rate.high + hidden)


def _visible_rate(shape: Shape) -> Slope:
    if shape.table_rate is not None:
        return shape.table_rate
    if shape.capacity_steps:
        return capacity_rate(list(shape.capacity_steps))
    estimate = plateau_rate if shape.flat else slope
    if shape.meter is Meter.BLOCKS:
        return _from_blocks(estimate(shape.tail, resolution=1.0))
    return estimate(shape.tail, resolution=_RESOLUTION[shape.meter])


def estimate_growth(progress: ReplayProgress, shape: Shape) -> Growth:
    """Return the growth on the deciding meter, with the rates of the other meters.

    All are estimated over the calls that the verdict is based on.
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
    """Return the call at which memory stopped growing; None if it hardly grew.

    Growth in the first hundred calls, or by less than 64 KiB, is the warm-up of any program.
    """
    readings = progress.readings
    whole = Series(readings.calls, readings.heap_bytes or readings.python_bytes or (0,) * len(readings.calls))
    grown = whole.after(_WARM_UP_CALLS)
    # whole is in bytes of the heap, with which a tail of pages or blocks cannot be compared
    if not shape.flat or shape.meter is not Meter.HEAP or len(grown) < 2:
        return None
    floor = min(shape.tail.values)
    if floor - grown.values[0] < SETTLING_BYTES:
        return None
    nearly = grown.values[0] + _SETTLED_SHARE * (floor - grown.values[0])
    settled = next(call for call, size in zip(grown.calls, grown.values, strict=True) if size >= nearly)
    # a rise slower than SMALLEST_RATE counts as flat all along, and has not stopped
    return int(settled) if floor - grown.values[0] >= SMALLEST_RATE * settled else None


def rate_until(readings: Readings, calls: int) -> float:
    """Return the bytes per 1000 calls that memory grew by until it settled after `calls` calls."""
    heap = readings.heap_bytes or readings.python_bytes
    growing = [(call, size) for call, size in zip(readings.calls, heap, strict=False) if call <= calls]
    if len(growing) < 2:
        return 0.0
    (first, before), (last, after) = growing[0], growing[-1]
    return CALLS_PER_RATE * (after - before) / max(last - first, 1)


def _rate(readings: Readings, column: tuple[int, ...], since: float) -> float | None:
    if not column:
        return None
    return CALLS_PER_RATE * rate_without_bounds(Series(readings.calls, column).after(since))


def _from_blocks(blocks: Slope) -> Slope:
    """Return a rate of pymalloc's blocks in bytes: 64 each, and between 16 and 512."""
    return Slope(
        per_call=_BLOCK_BYTES * blocks.per_call,
        low=min(_BLOCK_BYTES / 4 * blocks.low, MOST_BLOCK_BYTES * blocks.low),
        high=max(_BLOCK_BYTES / 4 * blocks.high, MOST_BLOCK_BYTES * blocks.high),
        uncertainty=MOST_BLOCK_BYTES * blocks.uncertainty,
    )


def _finite(bound: float) -> float:
    """Return a finite bound, as JSON has no infinity: unknown is a terabyte per call."""
    return max(-1e15, min(bound, 1e15)) if not math.isnan(bound) else 0.0
