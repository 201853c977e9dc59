"""The shape of the readings: flat, rising, or neither yet; and the meter that decides it.

The heap decides if it can be read; resident pages do if only they rise: then memory is mapped past the allocators.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace

from leakcheck.analysis.growth.geometric import CapacityStep, find_capacity_steps, next_step_due, sustained_steps
from leakcheck.analysis.growth.native_bound import HIDDEN_BYTES, hidden_bytes_per_call, is_native_unseen, steady_pages
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.trend import CHUNKS, SMALLEST_RATE, Slope, is_flat, is_rising
from leakcheck.model.answers import Readings
from leakcheck.model.result import Meter

FLAT_CALLS = 400
"""Calls over which memory must be flat before a scenario is called clean, if they are affordable."""

FEWEST_FLAT_CALLS = 40
FEWEST_CALLS = 30
"""With fewer calls nothing is called clean or bounded: thirty calls miss an event of one in ten calls once in twenty
times (3/n, the rule of three)."""

QUIET_CALLS = 800
"""Calls that are always replayed if they are cheap; with fewer, a plateau must be flat to half a byte per call."""

STILL_CALLS, MOST_STILL_CALLS, STILL_SECONDS = 200, 500, 0.16
"""Calls after which a plateau is accepted over which no meter moved at all, by not a byte and not a page: at least the
first number, and as many as fit into these seconds, but at most the second number."""

LEAST_RISING_CALLS, MOST_RISING_CALLS = 1500, 20_000
RISING_SECONDS = 1.8
"""How long a straight line is followed before it counts as a rise: these seconds, within these numbers of calls."""

_FLAT_SECONDS = 20.0
_ONE_STEP_SECONDS = 10.0
"""How long a second capacity step is waited for after the first, which may have been the only one."""

_QUIET_SECONDS = 0.8
SMALLEST_RSS_RATE = 64.0
_PAGES_LEFT_BEHIND = 4
"""A heap that goes up and down leaves freed pages resident for long: in total up to this many times its amplitude."""

_SMALLEST_RATES = {Meter.BLOCKS: 0.2, Meter.RSS: SMALLEST_RSS_RATE}
MOST_BLOCK_BYTES = 512  # not tuned: the largest block of pymalloc
_EARLY_STRICTNESS = 1 / 8
_MAY_MOVE = ("calls", "python_bytes", "native_bytes", "arena_bytes", "free_bytes", "mapped_bytes")
"""Columns that may change on a perfect plateau: the parts of the heap are checked as their sum, and what the allocators
keep beside it takes no memory before a page becomes resident."""

_STILL_SHARE, _FEWEST_STILL_READINGS = 0.9, 8
"""The share of the calls so far that a perfect plateau must have lasted. 180 calls miss a leak in one random call of
sixty once in twenty times (3/n, the rule of three)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of the readings, the meter that decided it, and the readings that it is based on."""

    flat: bool = False
    rising: bool = False
    meter: Meter
    tail: Series
    """The readings to estimate the rate from."""
    capacity_steps: tuple[CapacityStep, ...] = ()
    """The steps of a capacity that grows geometrically with the calls, if that is what rises."""
    table_rate: Slope | None = None
    """The rate of container tables, if the lengths of containers are what rises."""
    hidden_bytes_per_call: float = 0.0
    """What the deciding meter cannot see, as far as resident pages leave room for it."""


def deciding_meter(readings: Readings) -> tuple[Meter, tuple[int, ...]]:
    """Return the best available meter, exact ones first, and its column.

    Without a native meter, the heap is Python's own bytes. There are no blocks if Python allocates with malloc
    (PYTHONMALLOC=malloc): then only resident pages are left.
    """
    if readings.heap_bytes:
        return Meter.HEAP, readings.heap_bytes
    if readings.python_bytes:
        return Meter.HEAP, readings.python_bytes
    if readings.rss_bytes and not any(readings.blocks):
        return Meter.RSS, readings.rss_bytes
    return Meter.BLOCKS, readings.blocks


def shape_of(progress: ReplayProgress, *, final: bool = False) -> Shape:
    """Return the shape of the readings; neither flat nor rising while it is too early to say.

    `final` means that there will be no more calls, so that these must suffice, however few they are.
    """
    shape = _shape_of(progress, final=final)
    if progress.readings.native_bytes and not progress.readings.python_bytes and shape.meter is Meter.BLOCKS:
        # blocks are only Python's; memory of C code has its own meter
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
    steps = find_capacity_steps(exact) if meter is Meter.HEAP else []
    sustained = sustained_steps(steps) if calls < next_step_due(steps) else []
    is_step_due = bool(sustained) or (not final and _is_worth_waiting(steps, progress))
    if not (final or is_step_due) and (since := _perfectly_flat_since(progress)) is not None:
        return Shape(flat=True, meter=meter, tail=exact.after(since))

    resident_rises = is_rising(resident, smallest_rate=SMALLEST_RSS_RATE) and resident.rise >= HIDDEN_BYTES
    needed_calls = calls / 2 if final else max(flat_calls(progress.seconds_per_call), calls / 3)
    tail = exact.after(calls - needed_calls)
    strictness = _EARLY_STRICTNESS if calls < QUIET_CALLS and not final else 1.0
    # without a native meter only resident pages show leaks of C code, coarsely
    least_calls = _quiet_calls if readings.native_bytes else rising_calls
    long_enough = final or calls >= least_calls(progress.seconds_per_call)
    may_be_flat = long_enough and not is_step_due and calls > needed_calls
    if may_be_flat and is_flat(tail, smallest_rate=smallest * strictness):
        left_behind = resident.rise < _PAGES_LEFT_BEHIND * late.spread
        if not resident_rises or left_behind:
            hidden = 0.0 if left_behind else steady_pages(resident)
            return Shape(flat=True, meter=meter, tail=tail, hidden_bytes_per_call=hidden)
        return Shape(rising=old_enough, meter=Meter.RSS, tail=resident)
    if old_enough and is_rising(late, smallest_rate=smallest):
        live = (
            Series(late.calls, [MOST_BLOCK_BYTES * blocks for blocks in late.values]) if meter is Meter.BLOCKS else late
        )
        if resident_rises and _dwarfs(resident, live):
            return Shape(rising=True, meter=Meter.RSS, tail=resident)
        return Shape(rising=True, meter=meter, tail=late)
    if old_enough and sustained:
        return Shape(rising=True, meter=meter, tail=exact.after(sustained[0].call), capacity_steps=tuple(sustained))
    return Shape(meter=meter, tail=late)


def _is_worth_waiting(steps: list[CapacityStep], progress: ReplayProgress) -> bool:
    """Return whether the next capacity step is due at a call that is worth waiting for."""
    is_worth_it = len(steps) > 1 or progress.seconds < _ONE_STEP_SECONDS
    return is_worth_it and progress.calls < next_step_due(steps)


def _perfectly_flat_since(progress: ReplayProgress) -> float | None:
    """Return the call since which no meter moved at all; None if that is not long enough ago."""
    readings, needed_calls = progress.readings, still_calls(progress.seconds_per_call)
    since = progress.calls - _STILL_SHARE * needed_calls
    first = bisect_left(readings.calls, since)
    # without a native meter only resident pages show leaks of C code, coarsely
    if not readings.native_bytes or progress.calls < needed_calls:
        return None
    if len(readings.calls) - first < _FEWEST_STILL_READINGS:
        return None
    columns = (readings.heap_bytes, *(column for name, column in readings.columns.items() if name not in _MAY_MOVE))
    moved = any(len(set(column[first:])) > 1 for column in columns)
    return None if moved else since


def _dwarfs(resident: Series, heap: Series) -> bool:
    """Return whether pages rise more than twice as fast as the heap: memory was mapped past the allocators."""
    pages = resident.floors(CHUNKS).values
    live = heap.floors(CHUNKS).values
    return pages[-1] - pages[0] > 2 * max(live[-1] - live[0], 1)


def still_calls(cost: float) -> float:
    """Return after how many calls a perfect plateau is accepted, at a cost in seconds per call."""
    return min(max(STILL_SECONDS / max(cost, 1e-9), STILL_CALLS), MOST_STILL_CALLS)


def _quiet_calls(cost: float) -> float:
    return min(_QUIET_SECONDS / max(cost, 1e-9), QUIET_CALLS)


def flat_calls(cost: float) -> float:
    """Return over how many calls memory must be flat, at a cost in seconds per call."""
    return min(max(_FLAT_SECONDS / max(cost, 1e-9), FEWEST_FLAT_CALLS), FLAT_CALLS)


def rising_calls(cost: float) -> float:
    """Return after how many calls a straight line counts as a rise, at a cost in seconds per call."""
    return min(max(RISING_SECONDS / max(cost, 1e-9), LEAST_RISING_CALLS), MOST_RISING_CALLS)
