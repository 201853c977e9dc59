"""The slope of each line: the bytes it holds at the end of a window against the length of the window.

A single window misleads: a bounded cache that replaced its entries in it seems to leak its whole size, and a table that
doubled in it counts in full. What grows holds more, the longer the window. So the rate of a line is the median of the
slopes between any two windows (Theil 1950, Sen 1968), for which one window with a doubling is an outlier.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median
from typing import Literal

from leakcheck.model.explanation import StackBytes, Window
from leakcheck.model.stacks import Frame, frame_to_name
from leakcheck.model.units import CALLS_PER_RATE

DECIDING_WINDOWS = 3
"""Only the longest windows decide the rate: a short one may end before a bounded cache is full."""

_STEADY = 0.5
"""Under a sawtooth, a line whose slopes differ by more than this factor follows the sawtooth."""

Line = tuple[str, str, int]
Point = tuple[float, float]
_Row = list[StackBytes | None]
"""One stack in each of the windows; None where the window did not report it."""


@dataclass(slots=True)
class SlopeBounds:
    """The median, lowest and highest slope between two windows, in units per call."""

    rate: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "SlopeBounds") -> "SlopeBounds":
        return SlopeBounds(self.rate + other.rate, self.low + other.low, self.high + other.high)


@dataclass(slots=True)
class GrownLine:
    """The growth of one line over the windows."""

    bytes: SlopeBounds
    blocks: SlopeBounds
    frames: tuple[Frame, ...]
    """The fastest-growing stack."""
    stacks: int
    native_share: float


def deciding_windows(windows: Sequence[Window]) -> list[Window]:
    """Return the windows that decide the rate, the longest last."""
    return sorted(windows, key=lambda window: window.calls)[-DECIDING_WINDOWS:]


def line_of(frames: Sequence[Frame]) -> Line:
    """Return the line that a stack is attributed to."""
    frame = frame_to_name(frames)
    return frame.function, frame.file, frame.line


def grown_lines(windows: Sequence[Window], *, under_teeth: bool = False) -> dict[Line, GrownLine]:
    """Return the growth of each line over the deciding windows.

    `under_teeth` means that the growth to be explained was measured under a sawtooth and counts tables that doubled.
    """
    deciding = deciding_windows(windows)
    return {line: _grown(rows, deciding, under_teeth) for line, rows in _by_line(deciding).items()}


def grown_stacks(
    windows: Sequence[Window], *, most_per_call: float = math.inf, under_teeth: bool = False
) -> Iterator[StackBytes]:
    """Yield the stacks of growing lines, with their bytes and blocks per 1000 calls.

    Lines that grow by more than `most_per_call` bytes per call are left out. The stacks of a line share its growth in
    proportion to their own slopes, or to the bytes they hold where each is too rare to have a slope.
    """
    deciding = deciding_windows(windows)
    for rows in _by_line(deciding).values():
        line = _grown(rows, deciding, under_teeth)
        if line.bytes.low <= 0 or line.bytes.rate > most_per_call:
            continue
        weights = [max(_slopes_of(row, deciding, under_teeth).rate, 0.0) for row in rows]
        if not any(weights):
            weights = [max(sum(stack.bytes for stack in row if stack is not None), 0.0) for row in rows]
        total = sum(weights)
        for row, weight in zip(rows, weights, strict=True):
            if weight:
                part = CALLS_PER_RATE * weight / total
                yield replace(_any(row), bytes=part * line.bytes.rate, blocks=part * line.blocks.rate)


def _by_line(windows: Sequence[Window]) -> dict[Line, list[_Row]]:
    rows: dict[tuple[tuple[Frame, ...], bool, bool], _Row] = {}
    for index, window in enumerate(windows):
        for stack in window.stacks:
            if stack.frames:
                row = rows.setdefault((stack.frames, stack.native, stack.realloc), [None] * len(windows))
                row[index] = stack
    lines: dict[Line, list[_Row]] = defaultdict(list)
    for row in rows.values():
        lines[line_of(_frames(row))].append(row)
    return lines


def _grown(rows: Sequence[_Row], windows: Sequence[Window], under_teeth: bool) -> GrownLine:
    """Return the growth of a line with these stacks.

    The stacks are summed before the slopes are taken, because a rare stack has no slope of its own. Exceptions are
    single blocks, and sums that do not rise steadily under a sawtooth: there the steadily rising stacks count.
    """
    slopes = [_slopes_of(row, windows, under_teeth) for row in rows]
    many = [row for row in rows if not _is_single_block(row)]
    total = slopes_between(_points(many, windows, "bytes"))
    if total.low <= 0 or (under_teeth and total.low < _STEADY * total.high):
        rising = [own for row, own in zip(rows, slopes, strict=True) if own.low > 0 and not _is_single_block(row)]
        total = sum(rising, SlopeBounds()) if rising else total
    for row, own in zip(rows, slopes, strict=True):
        if _is_single_block(row):
            total += own
    fastest = max(range(len(rows)), key=lambda index: _rank(slopes[index], _frames(rows[index])))
    native = sum(max(own.rate, 0.0) for row, own in zip(rows, slopes, strict=True) if _any(row).native)
    whole = sum(max(own.rate, 0.0) for own in slopes)
    return GrownLine(
        bytes=total,
        blocks=slopes_between(_points(many, windows, "blocks")),
        frames=_frames(rows[fastest]),
        stacks=len({_frames(row) for row in rows}),
        native_share=native / whole if whole else 0.0,
    )


def _rank(slopes: SlopeBounds, frames: Sequence[Frame]) -> tuple[int, list[tuple[str, str]]]:
    """Return a sort key by which, of stacks that grow alike, the same one comes first in every run."""
    return round(slopes.rate), [(frame.file, frame.function) for frame in frames]


def _slopes_of(row: _Row, windows: Sequence[Window], under_teeth: bool) -> SlopeBounds:
    if not _is_single_block(row):
        return slopes_between(_points([row], windows, "bytes"))
    sizes = [
        (window.before + window.calls, stack.bytes)
        for window, stack in zip(windows, row, strict=True)
        if stack is not None
    ]
    return _most_per_call(sizes) if under_teeth else _single_block_slopes(sizes)


def _points(rows: Sequence[_Row], windows: Sequence[Window], unit: Literal["bytes", "blocks"]) -> list[Point]:
    """Return the calls of each window, and the sum over the stacks in it."""
    return [
        (window.calls, sum(getattr(row[index], unit) for row in rows if row[index] is not None))
        for index, window in enumerate(windows)
    ]


def _any(row: _Row) -> StackBytes:
    return next(stack for stack in row if stack is not None)


def _frames(row: _Row) -> tuple[Frame, ...]:
    return _any(row).frames


def _is_single_block(row: _Row) -> bool:
    """Return whether a stack holds one block however long the window is: a table or a string that grows.

    Each window that resizes the block reports all of it as new, so its size depends on the calls since the process
    started, and not on the length of the window.
    """
    return all(stack is None or stack.blocks == 1 for stack in row)


def _single_block_slopes(points: Sequence[Point]) -> SlopeBounds:
    """Return the slopes of a block's size against all calls so far.

    The size of a doubling table is a step function, and two of its steps may be close together. So each slope is at
    most the later size divided by all calls, as if the block had grown from the first call.
    """
    return _bounds_of(
        [min((y2 - y1) / (x2 - x1), y2 / x2) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 < x2]
    )


def _most_per_call(points: Sequence[Point]) -> SlopeBounds:
    """Return the largest size of a block per call so far, if it grew at all.

    This is about the cost of a table from doubling to doubling: the windows end at different distances from the last.
    """
    if len(points) < 2 or max(points)[1] <= min(points)[1]:
        return SlopeBounds()
    per_call = [size / calls for calls, size in points]
    return SlopeBounds(max(per_call), min(per_call), max(per_call))


def slopes_between(points: Sequence[Point]) -> SlopeBounds:
    """Return the slopes between any two points; zeros if no two differ in x."""
    return _bounds_of([(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2])


def _bounds_of(slopes: Sequence[float]) -> SlopeBounds:
    return SlopeBounds(median(slopes), min(slopes), max(slopes)) if slopes else SlopeBounds()
