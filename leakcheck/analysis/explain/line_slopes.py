"""What each line holds against how long the window was: the slopes, line by line.

One window misleads: a bounded cache that replaced its entries in it seems to leak its whole size,
and a table that doubled counts whole. What grows holds more the longer the window was. So each
line's rate is the median of the slopes between any two windows (Theil 1950, Sen 1968), by which
one window with a doubling in it is an outlier.
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
"""The longest windows alone say the rate: a short one may end before a bounded cache is full."""

_STEADY = 0.5
"""Slopes between windows that differ by more than that factor are those of teeth, where there are teeth."""

Line = tuple[str, str, int]
Point = tuple[float, float]
_Row = list[StackBytes | None]
"""A stack in each of the windows."""


@dataclass(slots=True)
class SlopeBounds:
    """Slopes in units per call, between each two windows that can be compared."""

    rate: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "SlopeBounds") -> "SlopeBounds":
        return SlopeBounds(self.rate + other.rate, self.low + other.low, self.high + other.high)


@dataclass(slots=True)
class GrownLine:
    """All that the windows say of one line."""

    bytes: SlopeBounds
    blocks: SlopeBounds
    frames: tuple[Frame, ...]
    """The stack that grows the fastest."""
    stacks: int
    native_share: float


def deciding_windows(windows: Sequence[Window]) -> list[Window]:
    """Return the longest windows, the longest last."""
    return sorted(windows, key=lambda window: window.calls)[-DECIDING_WINDOWS:]


def line_of(frames: Sequence[Frame]) -> Line:
    """Return the line that a stack is named by."""
    frame = frame_to_name(frames)
    return frame.function, frame.file, frame.line


def grown_lines(windows: Sequence[Window], *, under_teeth: bool = False) -> dict[Line, GrownLine]:
    """Return what the deciding windows say of each line.

    `under_teeth` says that the growth to be explained counts the tables that doubled.
    """
    deciding = deciding_windows(windows)
    return {line: _grown(rows, deciding, under_teeth) for line, rows in _by_line(deciding).items()}


def grown_stacks(
    windows: Sequence[Window], *, most_per_call: float = math.inf, under_teeth: bool = False
) -> Iterator[StackBytes]:
    """Yield the stacks of the lines that grow, by so many bytes a call at most, with their bytes and blocks per 1000.

    The stacks of a line share what is said of the line: by their own slopes, or where no single one
    has any, because each is rare, by what they hold.
    """
    deciding = deciding_windows(windows)
    for rows in _by_line(deciding).values():
        line = _grown(rows, deciding, under_teeth)
        if line.bytes.low <= 0 or line.bytes.rate > most_per_call:
            continue
        weights = [max(_slopes_of(row, deciding, under_teeth).rate, 0.0) for row in rows]
        if not any(weights):
            weights = [max(sum(one.bytes for one in row if one is not None), 0.0) for row in rows]
        whole = sum(weights)
        for row, weight in zip(rows, weights, strict=True):
            if weight:
                part = CALLS_PER_RATE * weight / whole
                yield replace(_any(row), bytes=part * line.bytes.rate, blocks=part * line.blocks.rate)


def _by_line(windows: Sequence[Window]) -> dict[Line, list[_Row]]:
    lines: dict[Line, list[_Row]] = defaultdict(list)
    for row in _by_stack(windows):
        lines[line_of(_frames(row))].append(row)
    return lines


def _grown(rows: Sequence[_Row], windows: Sequence[Window], under_teeth: bool) -> GrownLine:
    """Return what the windows say of a line, whose stacks are given.

    They are added up before the slopes are taken, because a rare one has no slope of its own; but
    for single blocks, and for teeth: where the sum does not rise steadily, those that do make the line.
    """
    slopes = [_slopes_of(row, windows, under_teeth) for row in rows]
    many = [row for row in rows if not _is_single_block(row)]
    total = slopes_between(_points(many, windows, "bytes"))
    if total.low <= 0 or (under_teeth and total.low < _STEADY * total.high):
        rising = [one for row, one in zip(rows, slopes, strict=True) if one.low > 0 and not _is_single_block(row)]
        total = sum(rising, SlopeBounds()) if rising else total
    for row, one in zip(rows, slopes, strict=True):
        if _is_single_block(row):
            total += one
    fastest = max(range(len(rows)), key=lambda at: _rank(slopes[at], _frames(rows[at])))
    native = sum(max(one.rate, 0.0) for row, one in zip(rows, slopes, strict=True) if _any(row).native)
    whole = sum(max(one.rate, 0.0) for one in slopes)
    return GrownLine(
        bytes=total,
        blocks=slopes_between(_points(many, windows, "blocks")),
        frames=_frames(rows[fastest]),
        stacks=len({_frames(row) for row in rows}),
        native_share=native / whole if whole else 0.0,
    )


def _rank(slopes: SlopeBounds, frames: Sequence[Frame]) -> tuple[int, list[tuple[str, str]]]:
    """Return what stacks are compared by: of those that grow alike, the same one is the first in each run."""
    return round(slopes.rate), [(frame.file, frame.function) for frame in frames]


def _slopes_of(row: _Row, windows: Sequence[Window], under_teeth: bool) -> SlopeBounds:
    if not _is_single_block(row):
        return slopes_between(_points([row], windows, "bytes"))
    seen = [(one.before + one.calls, at.bytes) for one, at in zip(windows, row, strict=True) if at is not None]
    return _most_per_call(seen) if under_teeth else _growth_of_one_block(seen)


def _points(rows: Sequence[_Row], windows: Sequence[Window], unit: Literal["bytes", "blocks"]) -> list[Point]:
    """Return the calls of each window, and what these stacks hold in it together."""
    return [
        (window.calls, sum(getattr(row[at], unit) for row in rows if row[at] is not None))
        for at, window in enumerate(windows)
    ]


def _any(row: _Row) -> StackBytes:
    return next(one for one in row if one is not None)


def _frames(row: _Row) -> tuple[Frame, ...]:
    return _any(row).frames


def _by_stack(windows: Sequence[Window]) -> Iterator[_Row]:
    """Yield for each stack what it holds in each window, None where it is not among the told."""
    rows: dict[tuple[tuple[Frame, ...], bool, bool], _Row] = {}
    for at, window in enumerate(windows):
        for stack in window.stacks:
            if stack.frames:
                row = rows.setdefault((stack.frames, stack.native, stack.realloc), [None] * len(windows))
                row[at] = stack
    yield from rows.values()


def _is_single_block(row: _Row) -> bool:
    """Tell whether a stack holds one block however long the window is: a table or a text that grows.

    Each window that moves it sees it anew and whole, so its size says how many calls there were
    since the process began, and not how long the window was. A window that did not see it says nothing.
    """
    return all(one is None or one.blocks == 1 for one in row)


def _growth_of_one_block(points: Sequence[Point]) -> SlopeBounds:
    """Return the slopes of a block's size against all calls so far.

    A table that doubles is a stair, and two of its steps may lie closely together: no slope is
    taken to be more than the later size over all calls, as if it had begun with the process.
    """
    return _summed_up(
        [min((y2 - y1) / (x2 - x1), y2 / x2) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 < x2]
    )


def _most_per_call(points: Sequence[Point]) -> SlopeBounds:
    """Return the most that a block is seen to take for each call there was, where it ever grew.

    That is what a table that doubles costs from one doubling to the next, closely enough: the windows
    end at different distances from the last one.
    """
    if len(points) < 2 or max(points)[1] <= min(points)[1]:
        return SlopeBounds()
    per_call = [size / calls for calls, size in points]
    return SlopeBounds(max(per_call), min(per_call), max(per_call))


def slopes_between(points: Sequence[Point]) -> SlopeBounds:
    """Return the median, the least and the most slope between any two points; nothing where no two differ in x."""
    return _summed_up([(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2])


def _summed_up(slopes: Sequence[float]) -> SlopeBounds:
    return SlopeBounds(median(slopes), min(slopes), max(slopes)) if slopes else SlopeBounds()
