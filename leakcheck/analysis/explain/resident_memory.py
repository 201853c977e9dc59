"""What the resident pages grow by: what lives, what was freed and cannot be used again, what is mapped beside the heap.

A byte that stays between freed ones keeps its page, and what the allocator cannot join it cannot give out in larger
pieces. So a leak of a few bytes a call may cost tens of kilobytes of pages: what is to be explained is the leak.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from leakcheck.analysis.growth.native_bound import is_native_unseen
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.trend import SMALLEST_RATE, rate_without_bounds
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import PageKind, ResidentPart
from leakcheck.model.result import Growth, Meter
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

_LEAST_SHARE = 0.01
"""Of what the pages grow by; what is less is not told."""

_MOSTLY = 0.5
"""Share of the pages' growth that is freed memory, from which on the leak that pins it is what is explained."""

_HEAP_ALIGNMENT = 64 * 1024**2
"""glibc's arenas of threads lie at multiples of this."""
_LARGEST_GUARD = 64 * 1024
_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ *(.*)")

Look = tuple[int, str]
"""After how many calls, and the mappings as /proc/PID/smaps lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedBytes:
    """The resident bytes of a process, by the kind of their mapping."""

    heap_bytes: float = 0.0
    stack_bytes: float = 0.0
    """Of all threads but the main one."""
    file_bytes: float = 0.0
    """Shared memory included."""


def resident_parts(
    verdict: Verdict, growth: Growth | None, readings: Readings, looks: tuple[Look, Look] | None
) -> tuple[ResidentPart, ...]:
    """Return what the pages grow by, the largest part first; nothing where they did not decide, or stand still.

    Counters of what is free tell address space, of which only a part may be resident: so each part is at most what
    the others leave, and free memory at most what malloc's own mappings gained.
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
    gained = _gained(looks)
    free = rates["free"]
    if gained is not None:
        free = min(free, gained.heap_bytes - max(rates["native"], 0.0))
    unread = is_native_unseen(readings)
    wanted = [
        (PageKind.LIVE, rates["python"] + rates["native"]),
        (PageKind.STACKS, 0.0 if gained is None else gained.stack_bytes),
        (PageKind.FILES, 0.0 if gained is None else gained.file_bytes),
        (PageKind.ARENAS, rates["arena"] - rates["python"]),
        (PageKind.FREE, free),
        (PageKind.UNREAD if unread else PageKind.MAPPED, total),
    ]
    return tuple(sorted(_shared_out(total, wanted), key=lambda part: -part.bytes_per_1000_calls))


def pinning_bytes_per_1000_calls(growth: Growth | None, parts: Sequence[ResidentPart]) -> float | None:
    """Return the heap's growth, where it pins freed memory that most of the pages' growth consists of; else None."""
    if growth is None:
        return None
    freed = sum(part.bytes_per_1000_calls for part in parts if part.kind in (PageKind.FREE, PageKind.ARENAS))
    heap = growth.heap_bytes_per_1000_calls
    if heap is None or heap < SMALLEST_RATE * CALLS_PER_RATE or freed < _MOSTLY * growth.bytes_per_1000_calls:
        return None
    return heap


def mapped_of(smaps: str) -> MappedBytes:
    """Return the resident bytes by kind, of a list of mappings as /proc/PID/smaps has it."""
    sums = {"heap": 0, "stack": 0, "file": 0, "other": 0}
    kind, before = "other", (0, 0, "")
    for line in smaps.splitlines():
        if (head := _HEAD.fullmatch(line)) is not None:
            start, end, rights, name = int(head[1], 16), int(head[2], 16), head[3], head[4]
            kind = _kind(start, rights, name, before)
            before = (start, end, rights)
        elif line.startswith("Rss:"):
            sums[kind] += int(line.split()[1]) * 1024
    return MappedBytes(heap_bytes=sums["heap"], stack_bytes=sums["stack"], file_bytes=sums["file"])


def _kind(start: int, rights: str, name: str, before: tuple[int, int, str]) -> str:
    if name.startswith("/") or rights.endswith("s"):
        return "file"
    if name == "[heap]" or (not name and start % _HEAP_ALIGNMENT == 0):
        return "heap"
    # pthread puts a guard page, which nobody may touch, right below each stack
    guard_start, guard_end, guard_rights = before
    is_guarded = guard_end == start and guard_rights.startswith("---") and guard_end - guard_start <= _LARGEST_GUARD
    return "stack" if not name and is_guarded and rights.startswith("rw") else "other"


def _gained(looks: tuple[Look, Look] | None) -> MappedBytes | None:
    """Return what each kind gained between two looks, in bytes per 1000 calls."""
    if looks is None:
        return None
    (first, early), (last, late) = ((calls, mapped_of(text)) for calls, text in looks)
    per_1000 = CALLS_PER_RATE / max(last - first, 1)
    return MappedBytes(
        heap_bytes=(late.heap_bytes - early.heap_bytes) * per_1000,
        stack_bytes=(late.stack_bytes - early.stack_bytes) * per_1000,
        file_bytes=(late.file_bytes - early.file_bytes) * per_1000,
    )


def _shared_out(total: float, wanted: Iterable[tuple[PageKind, float]]) -> Iterator[ResidentPart]:
    """Yield each part, no more of it than the parts before it left."""
    left = total
    for kind, size in wanted:
        taken = min(max(size, 0.0), left)
        left -= taken
        if taken >= _LEAST_SHARE * total or (kind is PageKind.LIVE and taken > SMALLEST_RATE * CALLS_PER_RATE):
            yield ResidentPart(kind=kind, bytes_per_1000_calls=taken)


def _rate(calls: Sequence[int], column: Sequence[int], since: float) -> float:
    return CALLS_PER_RATE * rate_without_bounds(Series(calls, column).after(since)) if column else 0.0
