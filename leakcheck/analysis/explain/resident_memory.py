"""What resident memory grows by: live bytes, freed memory that cannot be reused, and mappings outside the heap.

One live byte among freed ones keeps its page resident, and an allocator cannot reuse free pieces that it cannot join
for larger blocks. So a leak of a few bytes per call may cost tens of kilobytes of pages, and the leak is explained.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from leakcheck.analysis.growth.native_bound import is_native_unseen
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.trend import SMALLEST_RATE, rate_without_bounds
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import PageKind, ResidentPart
from leakcheck.model.result import Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

_LEAST_SHARE = 0.01
"""Of the growth of resident memory; smaller parts are not reported."""

_MOSTLY = 0.5
"""The share of freed memory in the growth of resident memory from which on the leak that pins it is explained."""

_HEAP_ALIGNMENT = 64 * 1024**2  # not tuned: HEAP_MAX_SIZE of glibc
"""The arenas of threads in glibc lie at multiples of this."""
_LARGEST_GUARD = 64 * 1024  # any value from 16 KiB to 1 MiB does: a guard is a page, of 4 to 16 KiB
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ *(.*)")

SmapsReading = tuple[int, str]
"""The number of calls replayed, and the mappings as listed in /proc/PID/smaps."""


def resident_parts(
    verdict: Verdict, growth: Growth | None, readings: Readings, looks: tuple[SmapsReading, SmapsReading] | None
) -> tuple[ResidentPart, ...]:
    """Return the parts of the growth of resident memory, the largest first; () unless RSS decided a growth.

    The allocator's counters of free memory are in address space, of which only a part may be resident. So no part
    exceeds what the parts before it leave, and free memory does not exceed what malloc's own mappings gained.
    """
    if growth is None or growth.meter is not Meter.RSS or verdict is Verdict.CLEAN:
        return ()
    total = growth.rss_bytes_per_1000_calls or 0.0
    if total <= 0:
        return ()
    since = float(growth.from_call or 0)
    rates = {
        name: _rate(readings.calls, getattr(readings, f"{name}_bytes"), since)
        for name in ("python", "native", "arena", "free")
    }
    gained = _gained_per_1000_calls(looks)
    free = min(rates["free"], gained["heap"] - max(rates["native"], 0.0)) if gained else rates["free"]
    sizes = [
        (PageKind.LIVE, rates["python"] + rates["native"]),
        (PageKind.STACKS, gained.get("stack", 0.0)),
        (PageKind.FILES, gained.get("file", 0.0)),
        (PageKind.ARENAS, rates["arena"] - rates["python"]),
        (PageKind.FREE, free),
        (PageKind.UNREAD if is_native_unseen(readings) else PageKind.MAPPED, total),
    ]
    return tuple(sorted(_allot(total, sizes), key=lambda part: -part.bytes_per_1000_calls))


def pinning_bytes_per_1000_calls(growth: Growth | None, parts: Sequence[ResidentPart]) -> float | None:
    """Return the growth of the heap if the memory it pins is most of the growth of resident memory; else None."""
    if growth is None:
        return None
    freed = sum(part.bytes_per_1000_calls for part in parts if part.kind in (PageKind.FREE, PageKind.ARENAS))
    heap = growth.heap_bytes_per_1000_calls
    if heap is None or heap < SMALLEST_RATE * CALLS_PER_RATE or freed < _MOSTLY * growth.bytes_per_1000_calls:
        return None
    return heap


def parse_smaps(smaps: str) -> Mapping[str, int]:
    """Return the resident bytes by kind of mapping, from the text of /proc/PID/smaps.

    `heap` is malloc's own, `stack` are those of all threads except the main one, `file` includes shared memory.
    """
    sums = {"heap": 0, "stack": 0, "file": 0}
    kind, previous = "other", (0, 0, "")
    for line in smaps.splitlines():
        if (match := _MAPPING.fullmatch(line)) is not None:
            start, end, permissions, name = int(match[1], 16), int(match[2], 16), match[3], match[4]
            kind = _kind(start, permissions, name, previous)
            previous = (start, end, permissions)
        elif line.startswith("Rss:") and kind in sums:
            sums[kind] += int(line.split()[1]) * 1024
    return sums


def _kind(start: int, permissions: str, name: str, previous: tuple[int, int, str]) -> str:
    if name.startswith("/") or permissions.endswith("s"):
        return "file"
    if name == "[heap]" or (not name and start % _HEAP_ALIGNMENT == 0):
        return "heap"
    # pthread places an inaccessible guard page directly below each stack
    guard_start, guard_end, guard = previous
    is_guarded = guard_end == start and guard.startswith("---") and guard_end - guard_start <= _LARGEST_GUARD
    return "stack" if not name and is_guarded and permissions.startswith("rw") else "other"


def _gained_per_1000_calls(looks: tuple[SmapsReading, SmapsReading] | None) -> Mapping[str, float]:
    if looks is None:
        return {}
    (first, early), (last, late) = ((calls, parse_smaps(text)) for calls, text in looks)
    per_1000 = CALLS_PER_RATE / max(last - first, 1)
    return {kind: (late[kind] - early[kind]) * per_1000 for kind in early}


def _allot(total: float, sizes: Iterable[tuple[PageKind, float]]) -> Iterator[ResidentPart]:
    """Yield each part, limited to what the parts before it leave of the total."""
    left = total
    for kind, size in sizes:
        part = min(max(size, 0.0), left)
        left -= part
        if part >= _LEAST_SHARE * total or (kind is PageKind.LIVE and part > SMALLEST_RATE * CALLS_PER_RATE):
            yield ResidentPart(kind=kind, bytes_per_1000_calls=part)


def _rate(calls: Sequence[int], column: Sequence[int], since: float) -> float:
    return CALLS_PER_RATE * rate_without_bounds(Series(calls, column).after(since)) if column else 0.0
