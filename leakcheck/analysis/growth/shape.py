"""What the readings were found to do: stand still, rise, or neither yet; and on which meter.

The heap decides where it can be read. Resident pages decide where they alone rise steadily: then
memory was mapped past the allocators.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace

from leakcheck.analysis.growth.geometric import CapacityStep, expansions_of, keeping_up, next_expansion_by
from leakcheck.analysis.growth.native_bound import hidden_bytes_per_call, is_native_unseen, steady_pages
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.trend import CHUNKS, SMALLEST_RATE, Slope, is_flat, is_rising
from leakcheck.model.answers import COLUMNS, Readings
from leakcheck.model.result import Meter

FLAT_CALLS = 400
"""Calls that must stand still before a scenario is called clean, where they are affordable."""

FEWEST_FLAT_CALLS = 40
FEWEST_CALLS = 30
"""Calls below which nothing is called clean or bounded: what happens in one call of ten is missed by thirty once in
twenty times (3/n, the rule of three)."""

QUIET_CALLS = 800
"""Calls that are replayed in any case where they are cheap; before that many a standstill has to be
one to half a byte per call."""

STILL_CALLS, MOST_STILL_CALLS, STILL_SECONDS = 200, 500, 0.16
"""Calls after which a standstill is believed in which no meter moved at all, by not a byte and not a page: so
many, and where they are cheap those of so many seconds, up to the second number."""

LEAST_RISING_CALLS, MOST_RISING_CALLS = 1500, 20_000
RISING_SECONDS = 1.8
"""How far a straight line is followed: for this long, between these two numbers of calls."""

_FLAT_SECONDS = 20.0
_ONE_EXPANSION_SECONDS = 10.0
"""How long a scenario that has expanded once is followed for the next time, which may never come."""

_QUIET_SECONDS = 0.8
_SMALLEST_RSS_RATE = 64.0
_SMALLEST_RSS_RISE_BYTES = 256 * 1024
_PAGES_LEFT_BEHIND = 4
"""A heap that moves leaves pages behind for a long while; in all some times what it moves by."""

_SMALLEST_RATES = {Meter.BLOCKS: 0.2, Meter.RSS: _SMALLEST_RSS_RATE}
_MOST_BLOCK_BYTES = 512
_EARLY_STRICTNESS = 1 / 8
_MAY_MOVE = ("calls", "python_bytes", "native_bytes", "arena_bytes", "free_bytes", "mapped_bytes")
"""What a perfect standstill does not ask of: the two parts of the heap stand for it together, and what the allocators
have beside them takes no memory before there is a page."""

_STILL_SHARE, _FEWEST_STILL_READINGS = 0.9, 8
"""Of the calls after which a perfect standstill is believed, the share that it must have lasted. What stays in one
call of sixty, at random, is missed by 180 calls once in twenty times: 3/n, the rule of three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the readings were found to do, on which meter, and over which of them."""

    flat: bool = False
    rising: bool = False
    meter: Meter
    tail: Series
    """The readings that the rate is to be estimated on."""
    expansions: tuple[CapacityStep, ...] = ()
    """Of a capacity that keeps up with the calls, where that is what rises."""
    table_rate: Slope | None = None
    """Of tables that gain entries, where that is what rises."""
    hidden_bytes_per_call: float = 0.0
    """What the meter that decided cannot see, as far as the resident pages leave room for it."""


def deciding_meter(readings: Readings) -> tuple[Meter, tuple[int, ...]]:
    """Return the best meter this platform has, exact ones first, and its column.

    Without a native meter Python's own bytes are the heap that is known. Blocks are none where Python
    allocates by another malloc (PYTHONMALLOC=malloc): then there are the pages alone.
    """
    if readings.heap_bytes:
        return Meter.HEAP, readings.heap_bytes
    if readings.python_bytes:
        return Meter.HEAP, readings.python_bytes
    if readings.rss_bytes and not any(readings.blocks):
        return Meter.RSS, readings.rss_bytes
    return Meter.BLOCKS, readings.blocks


def shape_of(progress: ReplayProgress, *, final: bool = False) -> Shape:
    """Return what the readings do; neither flat nor rising while it is too early to say.

    With `final` the calls that fitted must do, however few they are.
    """
    shape = _shape_of(progress, final=final)
    if progress.readings.native_bytes and not progress.readings.python_bytes and shape.meter is Meter.BLOCKS:
        # blocks are Python's alone: what C keeps is seen by its own meter
        python = replace(progress.readings, python_bytes=(0,) * len(progress.readings.calls))
        native = _shape_of(replace(progress, readings=python), final=final)
        shape = native if not shape.rising and not native.flat else shape
    if is_native_unseen(progress.readings) and (shape.flat or (shape.rising and shape.meter is Meter.HEAP)):
        return replace(shape, hidden_bytes_per_call=hidden_bytes_per_call(progress.readings, progress.calls))
    return shape


def _shape_of(progress: ReplayProgress, *, final: bool) -> Shape:
    readings, calls = progress.readings, progress.calls
    meter, column = deciding_meter(readings)
    exact = Series(readings.calls, column)
    smallest = _SMALLEST_RATES.get(meter, SMALLEST_RATE)
    late = exact.after(calls / 4)
    resident = Series(readings.calls, readings.rss_bytes or (0,) * len(readings.calls)).after(calls / 4)
    old_enough = final or calls >= rising_calls(progress.seconds_per_call)
    expansions = expansions_of(exact) if meter is Meter.HEAP else []
    chain = keeping_up(expansions) if calls < next_expansion_by(expansions) else []
    is_waiting = bool(chain) or (not final and _is_due(expansions, progress))
    if not (final or is_waiting) and (still := _perfect_standstill(progress)) is not None:
        return Shape(flat=True, meter=meter, tail=exact.after(still))

    resident_rises = (
        is_rising(resident, smallest_rate=_SMALLEST_RSS_RATE) and _rise(resident) >= _SMALLEST_RSS_RISE_BYTES
    )
    flat_calls = calls / 2 if final else max(_flat_calls(progress.seconds_per_call), calls / 3)
    tail = exact.after(calls - flat_calls)
    strictness = _EARLY_STRICTNESS if calls < QUIET_CALLS and not final else 1.0
    # without a native meter only the pages show what C leaks, and those are coarse
    needed = _quiet_calls if readings.native_bytes else rising_calls
    long_enough = final or calls >= needed(progress.seconds_per_call)
    if long_enough and not is_waiting and calls > flat_calls and is_flat(tail, smallest_rate=smallest * strictness):
        left_behind = _rise(resident) < _PAGES_LEFT_BEHIND * late.spread
        if not resident_rises or left_behind:
            hidden = 0.0 if left_behind else steady_pages(resident)
            return Shape(flat=True, meter=meter, tail=tail, hidden_bytes_per_call=hidden)
        return Shape(rising=old_enough, meter=Meter.RSS, tail=resident)
    if old_enough and is_rising(late, smallest_rate=smallest):
        live = (
            Series(late.calls, [_MOST_BLOCK_BYTES * blocks for blocks in late.values])
            if meter is Meter.BLOCKS
            else late
        )
        if resident_rises and _dwarfs(resident, live):
            return Shape(rising=True, meter=Meter.RSS, tail=resident)
        return Shape(rising=True, meter=meter, tail=late)
    if old_enough and chain:
        return Shape(rising=True, meter=meter, tail=exact.after(chain[0].call), expansions=tuple(chain))
    return Shape(meter=meter, tail=late)


def _is_due(expansions: list[CapacityStep], progress: ReplayProgress) -> bool:
    """Tell whether a capacity may grow again at a call that is worth waiting for."""
    worth_it = len(expansions) > 1 or progress.seconds < _ONE_EXPANSION_SECONDS
    return worth_it and progress.calls < next_expansion_by(expansions)


def _perfect_standstill(progress: ReplayProgress) -> float | None:
    """Return the call since which no meter moved at all, where that is long enough to be believed; else None."""
    readings, believed = progress.readings, still_calls(progress.seconds_per_call)
    since = progress.calls - _STILL_SHARE * believed
    first = bisect_left(readings.calls, since)
    # without a native meter only the pages show what C leaks, and those are coarse
    if progress.calls < believed or not readings.native_bytes or len(readings.calls) - first < _FEWEST_STILL_READINGS:
        return None
    columns = (readings.heap_bytes, *(getattr(readings, name) for name in COLUMNS if name not in _MAY_MOVE))
    moved = any(len(set(column[first:])) > 1 for column in columns)
    return None if moved else since


def _rise(series: Series) -> float:
    return series.values[-1] - series.values[0]


def _dwarfs(resident: Series, heap: Series) -> bool:
    """Tell whether pages rise at over twice the heap's rate: memory was mapped past the allocators."""
    pages = resident.floors(CHUNKS).values
    live = heap.floors(CHUNKS).values
    return pages[-1] - pages[0] > 2 * max(live[-1] - live[0], 1)


def still_calls(cost: float) -> float:
    """Return how many calls must be replayed before a perfect standstill is believed, at so many seconds a call."""
    return min(max(STILL_SECONDS / max(cost, 1e-9), STILL_CALLS), MOST_STILL_CALLS)


def _quiet_calls(cost: float) -> float:
    return min(_QUIET_SECONDS / max(cost, 1e-9), QUIET_CALLS)


def _flat_calls(cost: float) -> float:
    return min(max(_FLAT_SECONDS / max(cost, 1e-9), FEWEST_FLAT_CALLS), FLAT_CALLS)


def rising_calls(cost: float) -> float:
    """Return how many calls a straight line is followed before it is believed, at so many seconds a call."""
    return min(max(RISING_SECONDS / max(cost, 1e-9), LEAST_RISING_CALLS), MOST_RISING_CALLS)
