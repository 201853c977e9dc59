"""Stacks and what they hold: merged where they look the same, and written out for the engine."""

import linecache
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from leakcheck.probe.allocations.frame_origin import NATIVE, OWN, kind_of
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

MOST_FRAMES = 40
MOST_STACKS = 300
_MOST_SOURCE = 120
_SMALL_BYTES = 512
"""pymalloc's largest request; what is larger it passes on to malloc."""

_MEAN_ADDED_BY_PYMALLOC = 4
"""Most requests are of whole words, so it is 0 or 8 bytes."""
_MEAN_ADDED_BY_MALLOC = 12

Run = Callable[[int], None]
"""Replays so many calls."""


@dataclass(slots=True, frozen=True)
class FrameLine:
    """One frame. Of a native one `file` is the library's name, and `source` where its code was written."""

    function: str
    file: str
    line: int
    kind: str
    source: str = ""


@dataclass(slots=True)
class StackHolding:
    """What one stack holds at the end of a window and took in it."""

    places: tuple[FrameLine, ...]
    """Innermost first; none for what has no stack to show."""
    bytes: float
    blocks: int
    native: bool = False
    realloc: bool = False


class Tracer(Protocol):
    """One way to tell who allocates."""

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay calls whose allocations are not told, with all on that a window has on."""

    def window(self, run: Run, calls: int, *, mapped: bool) -> Iterable[StackHolding]:
        """Replay calls and tell what they left; memory mapped past the allocators too where `mapped`."""

    def stop(self) -> None:
        """Leave nothing on."""


def python_places(frames: Iterable[tuple[str, str, int]]) -> list[FrameLine]:
    """Return the places of Python frames (function, file, line), without ours and the tracer's."""
    return [FrameLine(*frame, kind) for frame in frames if (kind := kind_of(frame[1])) is not None]


def shortened(places: Sequence[FrameLine]) -> tuple[FrameLine, ...]:
    """Return the innermost forty; in a deep recursion the innermost of the user's own is the last of them."""
    kept = places[:MOST_FRAMES]
    if len(places) > MOST_FRAMES and not any(place.kind == OWN for place in kept):
        own = next((place for place in places if place.kind == OWN), None)
        if own is not None:
            kept = [*kept[:-1], own]
    return tuple(kept)


def held_bytes(size: float, blocks: int, *, pymalloc: bool) -> float:
    """Return what the allocator holds for so many blocks of `size` bytes in all.

    pymalloc hands out steps of 16 bytes up to 512; glibc's malloc chunks with 8 bytes of its own,
    in steps of 16 and at least 32. These are the bytes that the growth is reckoned in. For blocks of
    different sizes, of which only the sum is known, it is what is added to a block on average.
    """
    mean, mixed = divmod(size, max(blocks, 1))
    if pymalloc and mean <= _SMALL_BYTES:
        return size + blocks * _MEAN_ADDED_BY_PYMALLOC if mixed else float(blocks * ((mean + 15) // 16 * 16))
    if mixed:
        return size + blocks * _MEAN_ADDED_BY_MALLOC
    return float(blocks * max(32, (mean + 8 + 15) // 16 * 16))


def written(holdings: Iterable[StackHolding], most: int = MOST_STACKS) -> tuple[list[dict[str, Any]], float]:
    """Return the heaviest stacks as JSON goes, those that look the same merged, and the bytes of all others.

    Reading the source lines allocates: no tracer may be on.
    """
    merged: dict[tuple[tuple[FrameLine, ...], bool, bool], StackHolding] = {}
    other_bytes = 0.0
    for one in holdings:
        if not one.places:
            other_bytes += one.bytes
            continue
        seen = merged.get((one.places, one.native, one.realloc))
        if seen is None:
            merged[one.places, one.native, one.realloc] = one
        else:
            seen.bytes += one.bytes
            seen.blocks += one.blocks
    heaviest = sorted(merged.values(), key=lambda one: -abs(one.bytes))
    rows = [
        {
            "frames": [_frame(place) for place in one.places],
            "bytes": one.bytes,
            "blocks": one.blocks,
            "native": one.native,
            "realloc": one.realloc,
        }
        for one in heaviest[:most]
    ]
    return rows, other_bytes + sum(one.bytes for one in heaviest[most:])


def _frame(place: FrameLine) -> dict[str, Any]:
    source = place.source
    if not source and place.kind != NATIVE:
        source = linecache.getline(place.file, place.line).strip()
    return {
        "function": place.function,
        "file": place.file,
        "line": place.line,
        "kind": place.kind,
        "source": source[:_MOST_SOURCE],
    }
