"""Merge stacks and what they hold, and convert them for the runner."""

import linecache
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from leakcheck.probe.allocations.frame_origin import NATIVE, OWN, frame_kind
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

MAX_FRAMES = 40  # any value from 20 to 100 does: a screen full
MAX_STACKS = 300  # any value from 100 to 1000 does: the others are summed up
_MAX_SOURCE = 120  # any value from 60 to 200 does: a line of code
_SMALL_BYTES = 512  # not tuned: by pymalloc
"""pymalloc's largest request in bytes; larger ones go to malloc."""

_MEAN_ADDED_BY_PYMALLOC = 4  # not tuned: the mean of 0 and 8
"""Most requests are of whole words, so the rounding adds 0 or 8 bytes."""
_MEAN_ADDED_BY_MALLOC = 12  # not tuned: a header of 8, and the mean of 0 and 8

Run = Callable[[int], None]
"""Replays the given number of calls."""


@dataclass(slots=True, frozen=True)
class FrameLine:
    """One frame. For a native one, `file` is the library's name and `source` the end of its source file's path."""

    function: str
    file: str
    line: int
    kind: str
    source: str = ""


@dataclass(slots=True)
class StackHolding:
    """What the allocations of one stack hold at the end of a window."""

    frames: tuple[FrameLine, ...]
    """Innermost first; empty if there is no stack to show."""
    bytes: float
    blocks: int
    native: bool = False
    realloc: bool = False


class Tracer(Protocol):
    """A way to attribute allocations to stacks."""

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay calls whose allocations are not reported, with everything switched on that a window needs."""

    def window(self, run: Run, calls: int, *, mapped: bool) -> Iterable[StackHolding]:
        """Replay calls and return what they left; with `mapped`, also memory mapped outside the allocators."""

    def stop(self) -> None:
        """Switch off whatever is still on."""


def python_frames(frames: Iterable[tuple[str, str, int]]) -> list[FrameLine]:
    """Return the user's and libraries' frames among Python frames (function, file, line)."""
    return [FrameLine(*frame, kind) for frame in frames if (kind := frame_kind(frame[1])) is not None]


def truncate_stack(frames: Sequence[FrameLine]) -> tuple[FrameLine, ...]:
    """Return the innermost forty frames; in a deep recursion the last one is the innermost of the user's own."""
    innermost = frames[:MAX_FRAMES]
    if len(frames) > MAX_FRAMES and not any(frame.kind == OWN for frame in innermost):
        own = next((frame for frame in frames if frame.kind == OWN), None)
        if own is not None:
            innermost = [*innermost[:-1], own]
    return tuple(innermost)


def held_bytes(size: float, blocks: int, *, pymalloc: bool) -> float:
    """Return what the allocator uses for so many blocks of `size` bytes in all.

    pymalloc rounds up to multiples of 16 bytes, up to 512; glibc's malloc adds 8 bytes of its own, then rounds up to
    multiples of 16, and to at least 32. Growth is measured in these bytes. For blocks of different sizes, of which only
    the sum is known, the average addition per block is used.
    """
    mean, mixed = divmod(size, max(blocks, 1))
    if pymalloc and mean <= _SMALL_BYTES:
        return size + blocks * _MEAN_ADDED_BY_PYMALLOC if mixed else float(blocks * ((mean + 15) // 16 * 16))
    if mixed:
        return size + blocks * _MEAN_ADDED_BY_MALLOC
    return float(blocks * max(32, (mean + 8 + 15) // 16 * 16))


def serialize_stacks(holdings: Iterable[StackHolding], most: int = MAX_STACKS) -> tuple[list[dict[str, Any]], float]:
    """Return the heaviest stacks as JSON-ready rows, those that look the same merged, and the bytes of all others.

    Reading the source lines allocates: no tracer may be on.
    """
    merged: dict[tuple[tuple[FrameLine, ...], bool, bool], StackHolding] = {}
    other_bytes = 0.0
    for holding in holdings:
        if not holding.frames:
            other_bytes += holding.bytes
            continue
        existing = merged.get((holding.frames, holding.native, holding.realloc))
        if existing is None:
            merged[holding.frames, holding.native, holding.realloc] = holding
        else:
            existing.bytes += holding.bytes
            existing.blocks += holding.blocks
    heaviest = sorted(merged.values(), key=lambda holding: -abs(holding.bytes))
    rows = [
        {
            "frames": [_frame_fields(frame) for frame in holding.frames],
            "bytes": holding.bytes,
            "blocks": holding.blocks,
            "native": holding.native,
            "realloc": holding.realloc,
        }
        for holding in heaviest[:most]
    ]
    return rows, other_bytes + sum(holding.bytes for holding in heaviest[most:])


def _frame_fields(frame: FrameLine) -> dict[str, Any]:
    source = frame.source
    if not source and frame.kind != NATIVE:
        source = linecache.getline(frame.file, frame.line).strip()
    return {
        "function": frame.function,
        "file": frame.file,
        "line": frame.line,
        "kind": frame.kind,
        "source": source[:_MAX_SOURCE],
    }
