"""From the stacks that windows left behind to the lines whose memory grows, and to the next window.

A line is named by the innermost frame of the user's own, else of Python, else by native code.
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
"""Of the growth; what is less is not told."""

MOST_SHARE = 3.0
"""Of the growth: a table may have three times the room that it needs. What takes more while it is traced is a cache
that was filled there, or blocks that the calls before would have left for it, and no part of the growth."""

EXPLAINED = (0.9, 1.1)
"""The part of the measured growth that the sites must add up to."""

FEWEST_CALLS, MOST_CALLS = 5, 2000
"""Of the first window. The most is for leaks in one call of fifty: those want calls, and cheap ones are to be had."""

FIRST_SECONDS = 6.0
"""What the first three windows may take together, traced."""

_MUCH = 0.2
"""Share of a line's bytes at the peak."""

MOST_LONGER = 4
_LONGER = 5 / 3

_MOST_CONTRADICTION = 0.5
_STANDS_STILL = 0.02
FEWEST_WINDOWS = 2
"""A slope needs two."""

_UNITS = sum(range(1, DECIDING_WINDOWS + 1))
"""The first windows have n, 2n and 3n calls."""

_LEAST_UNITS = sum(range(1, FEWEST_WINDOWS + 1))


def sites_of(
    windows: Sequence[Window],
    growth_bytes_per_1000_calls: float,
    *,
    most: float | None = None,
    under_teeth: bool = False,
) -> tuple[AllocationSite, ...]:
    """Return the lines whose live bytes grow by at least a hundredth of the growth, the fastest first.

    A line grows that held more after the longer of any two windows; a cache that is full, or teeth,
    do not. Its share may pass 1 a little: sites and growth are measured in different processes. What
    passes three times the growth is refused, by the growth's upper bound `most` where that is known.
    Nothing is returned for fewer than two windows, or a growth that is none.
    """
    if growth_bytes_per_1000_calls <= 0:
        return ()
    found = []
    for grown in grown_lines(windows, under_teeth=under_teeth).values():
        rate = CALLS_PER_RATE * grown.bytes.rate
        if grown.bytes.low <= 0 or rate < LEAST_SHARE * growth_bytes_per_1000_calls:
            continue
        if rate > most_possible(growth_bytes_per_1000_calls, most):
            continue
        found.append(
            AllocationSite(
                bytes_per_1000_calls=rate,
                low=CALLS_PER_RATE * grown.bytes.low,
                high=CALLS_PER_RATE * grown.bytes.high,
                blocks_per_1000_calls=CALLS_PER_RATE * grown.blocks.rate,
                share=rate / growth_bytes_per_1000_calls,
                frames=grown.frames,
                stacks=grown.stacks,
                native=grown.native_share > 0.5,
                fingerprint=fingerprint(grown.frames),
            )
        )
    return tuple(sorted(found, key=lambda site: -site.bytes_per_1000_calls))


def most_possible(growth_bytes_per_1000_calls: float, most: float | None = None) -> float:
    """Return the most that can be a part of a growth, whose upper bound is `most` where it is known."""
    return MOST_SHARE * max(growth_bytes_per_1000_calls, most or 0.0)


def explained_fraction(
    windows: Sequence[Window],
    growth_bytes_per_1000_calls: float,
    *,
    most: float | None = None,
    under_teeth: bool = False,
) -> float:
    """Return which part of the growth all stacks together are seen to make, 0.0 where nothing can be said.

    What shrinks is taken off, and what is too small to be a site counts. Lines with teeth so high
    that the slopes between windows contradict each other by half the growth do not, nor those that
    grow by more than is possible. Tables count by their doublings where the growth counts them: `under_teeth`.
    """
    if growth_bytes_per_1000_calls <= 0:
        return 0.0
    others = slopes_between([(window.calls, window.other_bytes) for window in deciding_windows(windows)])
    lines = grown_lines(windows, under_teeth=under_teeth).values()
    all_slopes = [others, *(grown.bytes for grown in lines)]
    most_doubt = _MOST_CONTRADICTION * growth_bytes_per_1000_calls / CALLS_PER_RATE
    clear = (
        one.rate
        for one in all_slopes
        if (one.low > 0 or one.high - one.low <= most_doubt)
        and CALLS_PER_RATE * one.rate <= most_possible(growth_bytes_per_1000_calls, most)
    )
    return CALLS_PER_RATE * sum(clear) / growth_bytes_per_1000_calls


def peak_sites(stacks: Sequence[StackBytes], peak_bytes: float) -> tuple[PeakSite, ...]:
    """Return the lines that held at least a hundredth of the high-water mark, the heaviest first."""
    lines: dict[Line, list[StackBytes]] = defaultdict(list)
    for stack in stacks:
        if stack.frames:
            lines[line_of(stack.frames)].append(stack)
    found = [
        PeakSite(
            bytes=held,
            share=held / peak_bytes,
            frames=heaviest.frames,
            stacks=len({stack.frames for stack in here}),
            beside=_beside(here, heaviest, _MUCH * held),
        )
        for here in lines.values()
        for held in [sum(stack.bytes for stack in here)]
        for heaviest in [max(here, key=lambda stack: stack.bytes)]
        if held > 0 and held >= LEAST_SHARE * peak_bytes
    ]
    return tuple(sorted(found, key=lambda site: -site.bytes))


def _beside(stacks: Sequence[StackBytes], heaviest: StackBytes, least_bytes: float) -> tuple[str, ...]:
    """Return the functions that so many bytes came through, without those of the heaviest stack."""
    held: dict[str, float] = defaultdict(float)
    for stack in stacks:
        for name in {function_name(frame) for frame in stack.frames}:
            held[name] += stack.bytes
    named = {function_name(frame) for frame in heaviest.frames}
    return tuple(sorted(name for name, size in held.items() if size >= least_bytes and name not in named))


def function_name(frame: Frame) -> str:
    """Return a function with its file, as `PeakSite.beside` has it."""
    return f"{frame.file} {frame.function}"


def fingerprint(frames: Sequence[Frame]) -> str:
    """Return a name for a site that stays when lines move or the project lies elsewhere.

    Where an extension allocated, its name and its function are part of it: one line may call several.
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
    """Return the calls of the window to trace next; None when the growth is explained, or time is up.

    After three windows come longer ones, up to four, for as long as the stacks do not add up to the
    growth and what they add up to still changes: a bounded cache that replaces its entries looks like
    a leak until a window is longer than the cache is large. Lengths of 6, 10, 17 and 28 firsts keep
    step neither with teeth nor with tables that double. Where the second one would take too long, a
    shorter one does: of one window alone nothing can be said.
    """
    cost = max(seconds_per_traced_call, 1e-9)
    if not windows:
        return _first(cost, seconds_left) or None
    if len(windows) < DECIDING_WINDOWS:
        first, affordable = min(window.calls for window in windows), int(seconds_left / cost)
        calls = first * (len(windows) + 1)
        if calls > affordable and len(windows) == 1:
            calls = min(first - 1, affordable)
        return calls if 0 < calls <= affordable else None
    low, high = EXPLAINED

    def fraction_of(seen: Sequence[Window]) -> float:
        # what cannot be a part of the growth counts here: longer windows show what it is
        return explained_fraction(seen, growth_bytes_per_1000_calls, most=math.inf, under_teeth=under_teeth)

    fraction = fraction_of(windows)
    if low <= fraction <= high:
        return None
    if len(windows) > DECIDING_WINDOWS and abs(fraction - fraction_of(windows[:-1])) < _STANDS_STILL:
        return None
    first, longest = (pick(window.calls for window in windows) for pick in (min, max))
    calls = 2 * longest if len(windows) == DECIDING_WINDOWS else first * round(_LONGER * longest / first)
    if len(windows) - DECIDING_WINDOWS >= MOST_LONGER or calls * cost > seconds_left:
        return None
    return calls


def _first(cost: float, seconds_left: float) -> int:
    """Return n; 0 where there is no time for even two windows of 1 and 2 calls."""
    affordable = int(min(FIRST_SECONDS, seconds_left) / (_UNITS * cost))
    calls = min(max(affordable, FEWEST_CALLS), MOST_CALLS)
    if calls >= 100:
        calls -= calls % 100  # what happens at every tenth or fiftieth call happens equally often in each
    if calls * _UNITS * cost <= seconds_left:
        return calls
    return int(seconds_left / (_UNITS * cost)) or int(seconds_left >= _LEAST_UNITS * cost)
