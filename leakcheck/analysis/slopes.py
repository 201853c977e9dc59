"""What each line holds against how long the window was: the slopes, line by line.

One window misleads: a bounded cache that replaced its entries in it seems to leak its whole size,
and a table that doubled counts whole. What grows holds more the longer the window was. So each
line's rate is the median of the slopes between any two windows (Theil 1950, Sen 1968), by which
one window with a doubling in it is an outlier.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from leakcheck.explanation import Frame, StackBytes, Window, frame_to_name

DECIDING_WINDOWS = 3
"""The longest windows alone say the rate: a short one may end before a bounded cache is full."""

Line = tuple[str, str, int]
Point = tuple[float, float]


@dataclass(slots=True)
class Slopes:
    """Slopes in units per call, between each two windows that can be compared."""

    rate: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Slopes") -> "Slopes":
        return Slopes(self.rate + other.rate, self.low + other.low, self.high + other.high)


@dataclass(slots=True)
class Grown:
    """All that the windows say of one line."""

    bytes: Slopes = field(default_factory=Slopes)
    blocks: Slopes = field(default_factory=Slopes)
    heaviest: tuple[float, Sequence[Frame]] = (float("-inf"), ())
    stacks: set[tuple[Frame, ...]] = field(default_factory=set)
    native_rate: float = 0.0


def deciding_windows(windows: Sequence[Window]) -> list[Window]:
    return sorted(windows, key=lambda window: window.calls)[-DECIDING_WINDOWS:]


def line_of(frames: Sequence[Frame]) -> Line:
    frame = frame_to_name(frames)
    return frame.function, frame.file, frame.line


def grown_lines(windows: Sequence[Window]) -> dict[Line, Grown]:
    """Return what the deciding windows say of each line.

    A line's stacks are added up before the slopes are taken, but for the single blocks, which are
    told on their own.
    """
    deciding = deciding_windows(windows)
    found: dict[Line, Grown] = defaultdict(Grown)
    summed: dict[tuple[Line, bool], list[list[float]]] = defaultdict(lambda: [[0.0, 0.0] for _ in deciding])
    for seen in _by_stack(deciding):
        stack = next(one for one in seen if one is not None)
        line = line_of(stack.frames)
        grown = found[line]
        grown.stacks.add(stack.frames)
        grown.heaviest = max(
            grown.heaviest, (max(one.bytes for one in seen if one is not None), stack.frames), key=lambda one: one[0]
        )
        if _is_single_block(seen):
            slopes = _growth_of_one_block(
                [(one.before + one.calls, at.bytes) for one, at in zip(deciding, seen, strict=True) if at is not None]
            )
            grown.bytes += slopes
            grown.native_rate += slopes.rate if stack.native else 0.0
            continue
        for at, one in enumerate(seen):
            if one is not None:
                summed[line, stack.native][at][0] += one.bytes
                summed[line, stack.native][at][1] += one.blocks
    for (line, native), totals in summed.items():
        grown = found[line]
        slopes = slopes_between([(one.calls, total) for one, (total, _) in zip(deciding, totals, strict=True)])
        grown.bytes += slopes
        grown.blocks += slopes_between([(one.calls, blocks) for one, (_, blocks) in zip(deciding, totals, strict=True)])
        grown.native_rate += slopes.rate if native else 0.0
    return found


def _by_stack(windows: Sequence[Window]) -> Iterator[list[StackBytes | None]]:
    """Yield for each stack what it holds in each window, None where it is not among the told."""
    rows: dict[tuple[tuple[Frame, ...], bool, bool], list[StackBytes | None]] = {}
    for at, window in enumerate(windows):
        for stack in window.stacks:
            if stack.frames:
                row = rows.setdefault((stack.frames, stack.native, stack.realloc), [None] * len(windows))
                row[at] = stack
    yield from rows.values()


def _is_single_block(seen: Sequence[StackBytes | None]) -> bool:
    """Tell whether a stack holds one block however long the window is: a table or a text that grows.

    Each window that moves it sees it anew and whole, so its size says how many calls there were
    since the process began, and not how long the window was. A window that did not see it says nothing.
    """
    return all(one is None or one.blocks == 1 for one in seen)


def _growth_of_one_block(points: Sequence[Point]) -> Slopes:
    """Return the slopes of a block's size against all calls so far.

    A table that doubles is a stair, and two of its steps may lie closely together: no slope is
    taken to be more than the later size over all calls, as if it had begun with the process.
    """
    return _summed_up([min((y2 - y1) / (x2 - x1), y2 / x2) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 < x2])


def slopes_between(points: Sequence[Point]) -> Slopes:
    """Return the median, the least and the most slope between any two points; nothing where no two differ in x."""
    return _summed_up([(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2])


def _summed_up(slopes: Sequence[float]) -> Slopes:
    return Slopes(median(slopes), min(slopes), max(slopes)) if slopes else Slopes()
