"""Allocation sites: the lines whose memory grows or makes up the peak, and which window to trace next.

A stack is named by its innermost frame in the user's code, else in Python code, else by its native function.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

from leakcheck.analysis.explain.fingerprint import fingerprint_of, line_parts, native_parts
from leakcheck.analysis.explain.line_slopes import (
    DECIDING_WINDOWS,
    Line,
    deciding_windows,
    grown_lines,
    line_of,
    slopes_between,
)
from leakcheck.model.explanation import AllocationSite, PeakSite, StackBytes, Window
from leakcheck.model.stacks import Frame, frame_to_name, native_frame
from leakcheck.model.units import CALLS_PER_RATE

LEAST_SHARE = 0.01
"""Of the growth or of the peak; smaller sites are not reported."""

MOST_SHARE = 3.0
"""Of the growth: a table may be three times as large as its entries need. A line that takes more
while traced is a cache that filled in the window, or took blocks that earlier calls would have left for reuse."""

EXPLAINED = (0.9, 1.1)
"""The share of the measured growth that the sites must add up to: tracing ends within these bounds."""

FEWEST_CALLS = 5  # any value from 2 to 6 does: windows of twice and three times as many follow
MOST_CALLS = 2000  # any value from 1000 to 3000 does: twenty leaked objects show as well as sixty
"""Of the first window. A leak in one of fifty calls needs that many, which is affordable only for cheap calls."""

FIRST_SECONDS = 6.0
"""The traced time that the first three windows may take together."""

_LEAST_BESIDE_SHARE = 0.2
"""The share of a line's bytes at the peak from which a function is named beside its heaviest stack."""

MOST_LONGER = 4
_LONGER = 5 / 3

_WIDEST_BOUNDS_SHARE = 0.5
"""Of the growth: slopes of a line that differ by more contradict each other."""

_LEAST_CHANGE = 0.02
"""In the explained fraction: a longer window that changes less is the last."""

FEWEST_WINDOWS = 2
"""A slope needs two."""

_UNITS = sum(range(1, DECIDING_WINDOWS + 1))
"""The first windows have n, 2n and 3n calls: together so many times n."""

_LEAST_UNITS = sum(range(1, FEWEST_WINDOWS + 1))


def allocation_sites(
    windows: Sequence[Window],
    growth_bytes_per_1000_calls: float,
    *,
    most: float | None = None,
    under_teeth: bool = False,
) -> tuple[AllocationSite, ...]:
    """Return the lines whose live bytes grow by at least 1 % of the growth, the fastest first.

    A line grows if it held more after the longer of any two windows; a full cache or a sawtooth does not. A share may
    slightly exceed 1, because sites and growth are measured in different processes. Lines that exceed three times the
    growth, or three times its upper bound `most` if known, are dropped. Return () for fewer than two windows.
    """
    if growth_bytes_per_1000_calls <= 0:
        return ()
    least, possible = LEAST_SHARE * growth_bytes_per_1000_calls, most_possible_rate(growth_bytes_per_1000_calls, most)
    sites = [
        AllocationSite(
            bytes_per_1000_calls=rate,
            low=CALLS_PER_RATE * line.bytes.low,
            high=CALLS_PER_RATE * line.bytes.high,
            blocks_per_1000_calls=CALLS_PER_RATE * line.blocks.rate,
            share=rate / growth_bytes_per_1000_calls,
            frames=line.frames,
            stacks=line.stacks,
            native=line.native_share > 0.5,
            fingerprint=site_fingerprint(line.frames),
        )
        for line in grown_lines(windows, under_teeth=under_teeth).values()
        for rate in [CALLS_PER_RATE * line.bytes.rate]
        if line.bytes.low > 0 and least <= rate <= possible
    ]
    return tuple(sorted(sites, key=lambda site: -site.bytes_per_1000_calls))


def most_possible_rate(growth_bytes_per_1000_calls: float, most: float | None = None) -> float:
    """Return the highest rate that can be part of a growth; `most` is the upper bound of the growth, if known."""
    return MOST_SHARE * max(growth_bytes_per_1000_calls, most or 0.0)


def explained_fraction(
    windows: Sequence[Window],
    growth_bytes_per_1000_calls: float,
    *,
    most: float | None = None,
    under_teeth: bool = False,
) -> float:
    """Return the share of the growth that all stacks together account for; 0.0 where nothing is known.

    Shrinking lines are subtracted, and lines too small to be a site count. Lines whose slopes contradict each other by
    half the growth (a high sawtooth) do not count, nor those that grow by more than is possible. With `under_teeth`
    tables count by their doublings, as they do in a growth measured under a sawtooth.
    """
    if growth_bytes_per_1000_calls <= 0:
        return 0.0
    others = slopes_between([(window.calls, window.other_bytes) for window in deciding_windows(windows)])
    lines = grown_lines(windows, under_teeth=under_teeth).values()
    widest = _WIDEST_BOUNDS_SHARE * growth_bytes_per_1000_calls / CALLS_PER_RATE
    rates = (
        slopes.rate
        for slopes in (others, *(line.bytes for line in lines))
        if (slopes.low > 0 or slopes.high - slopes.low <= widest)
        and CALLS_PER_RATE * slopes.rate <= most_possible_rate(growth_bytes_per_1000_calls, most)
    )
    return CALLS_PER_RATE * sum(rates) / growth_bytes_per_1000_calls


def peak_sites(stacks: Sequence[StackBytes], peak_bytes: float) -> tuple[PeakSite, ...]:
    """Return the lines that held at least 1 % of the high-water mark, the heaviest first."""
    lines: dict[Line, list[StackBytes]] = defaultdict(list)
    for stack in stacks:
        if stack.frames:
            lines[line_of(stack.frames)].append(stack)
    sites = [
        PeakSite(
            bytes=size,
            share=size / peak_bytes,
            frames=heaviest.frames,
            stacks=len({stack.frames for stack in group}),
            beside=_beside(group, heaviest, _LEAST_BESIDE_SHARE * size),
        )
        for group in lines.values()
        for size in [sum(stack.bytes for stack in group)]
        for heaviest in [max(group, key=lambda stack: stack.bytes)]
        if size > 0 and size >= LEAST_SHARE * peak_bytes
    ]
    return tuple(sorted(sites, key=lambda site: -site.bytes))


def _beside(stacks: Sequence[StackBytes], heaviest: StackBytes, least_bytes: float) -> tuple[str, ...]:
    """Return the functions in stacks of at least `least_bytes` together, without those of the heaviest stack."""
    sizes: dict[str, float] = defaultdict(float)
    for stack in stacks:
        for name in {function_name(frame) for frame in stack.frames}:
            sizes[name] += stack.bytes
    listed = {function_name(frame) for frame in heaviest.frames}
    return tuple(sorted(name for name, size in sizes.items() if size >= least_bytes and name not in listed))


def function_name(frame: Frame) -> str:
    """Return the file and the function, as in `PeakSite.beside`."""
    return f"{frame.file} {frame.function}"


def site_fingerprint(frames: Sequence[Frame]) -> str:
    """Return a fingerprint of a site that survives moved lines and another project directory.

    Where an extension allocated, its name and its function are included, because one line may call several.
    """
    return fingerprint_of([*line_parts(frame_to_name(frames)), *native_parts(native_frame(frames))])


def next_window(
    windows: Sequence[Window],
    growth_bytes_per_1000_calls: float,
    seconds_per_traced_call: float,
    seconds_left: float,
    *,
    under_teeth: bool = False,
) -> int | None:
    """Return the number of calls in the next window to trace; None when the growth is explained, or time is up.

    The first three windows have n, 2n and 3n calls. Up to four longer ones follow while the stacks do not add up to the
    growth and their sum still changes: a bounded cache that replaces its entries looks like a leak until a window has
    more calls than the cache has entries. Their lengths, 6n, 10n, 17n and 28n, are in step with neither a sawtooth nor
    doubling tables. If the second window would take too long, a shorter one is used: one alone tells nothing.
    """
    cost = max(seconds_per_traced_call, 1e-9)
    if not windows:
        return _first_window(cost, seconds_left) or None
    if len(windows) < DECIDING_WINDOWS:
        first, affordable = min(window.calls for window in windows), int(seconds_left / cost)
        calls = first * (len(windows) + 1)
        if calls > affordable and len(windows) == 1:
            calls = min(first - 1, affordable)
        return calls if 0 < calls <= affordable else None
    low, high = EXPLAINED

    def fraction_of(traced: Sequence[Window]) -> float:
        # without an upper limit: only longer windows show whether an impossible rate is a cache that fills
        return explained_fraction(traced, growth_bytes_per_1000_calls, most=math.inf, under_teeth=under_teeth)

    fraction = fraction_of(windows)
    if low <= fraction <= high:
        return None
    if len(windows) > DECIDING_WINDOWS and abs(fraction - fraction_of(windows[:-1])) < _LEAST_CHANGE:
        return None
    first, longest = (pick(window.calls for window in windows) for pick in (min, max))
    calls = 2 * longest if len(windows) == DECIDING_WINDOWS else first * round(_LONGER * longest / first)
    if len(windows) - DECIDING_WINDOWS >= MOST_LONGER or calls * cost > seconds_left:
        return None
    return calls


def _first_window(cost: float, seconds_left: float) -> int:
    """Return n; 0 if there is no time for even two windows of 1 and 2 calls."""
    affordable = int(min(FIRST_SECONDS, seconds_left) / (_UNITS * cost))
    calls = min(max(affordable, FEWEST_CALLS), MOST_CALLS)
    if calls >= 100:
        calls -= calls % 100  # so that what happens in every 10th or 50th call happens equally often in each window
    if calls * _UNITS * cost <= seconds_left:
        return calls
    return int(seconds_left / (_UNITS * cost)) or int(seconds_left >= _LEAST_UNITS * cost)
