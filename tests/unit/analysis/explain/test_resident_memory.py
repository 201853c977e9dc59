"""The parts of the growth of resident memory, and when the growth of the heap is explained instead."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from leakcheck.analysis.explain.resident_memory import (
    SmapsReading,
    parse_smaps,
    pinning_bytes_per_1000_calls,
    resident_parts,
)
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import PageKind, ResidentPart
from leakcheck.model.result import Budget, Growth, Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.explain_request import explain_request_of

KIB, MIB = 1024, 1024**2
CALLS = tuple(range(10, 2001, 10))


def rising(bytes_per_call: float) -> tuple[int, ...]:
    return tuple(round(bytes_per_call * call) for call in CALLS)


def growth(rss: float, heap: float = 0.0) -> Growth:
    return Growth(
        bytes_per_1000_calls=1000 * rss,
        low=990 * rss,
        high=1010 * rss,
        meter=Meter.RSS,
        heap_bytes_per_1000_calls=1000 * heap,
        rss_bytes_per_1000_calls=1000 * rss,
        blocks_per_1000_calls=0.0,
        calls=2000,
        from_call=500,
    )


def readings(
    *, python: float = 0.0, native: float | None = 0.0, arena: float = 0.0, free: float = 0.0, rss: float = 0.0
) -> Readings:
    return Readings(
        calls=CALLS,
        python_bytes=rising(python),
        native_bytes=() if native is None else rising(native),
        blocks=rising(0),
        rss_bytes=rising(rss),
        arena_bytes=rising(arena),
        free_bytes=rising(free),
    )


def mapping(start: int, size: int, rights: str = "rw-p", name: str = "", resident_kib: int = 0) -> str:
    head = f"{start:x}-{start + size:x} {rights} 00000000 00:00 0 {' ' * 20 if name else ''}{name}".rstrip()
    return f"{head}\nSize: {size // KIB} kB\nRss: {resident_kib} kB\nVmFlags: rd wr\n"


HEAP, LIBRARY, OTHER = 0x5600_0000_0000, 0x7F10_0000_1000, 0x7F20_0000_3000


def snapshot(calls: int, *, heap: int = 0, stacks: int = 0, files: int = 0, other: int = 0) -> SmapsReading:
    """Return mappings with these KiB resident, of which the arena of a thread has a tenth of the heap."""
    arena, stack = 64 * MIB * 0x1FC00, 0x7F30_0000_0000 + 5 * 64 * KIB
    return calls, "".join(
        [
            mapping(HEAP, 64 * MIB, name="[heap]", resident_kib=heap - heap // 10),
            mapping(arena, MIB, resident_kib=heap // 10),
            mapping(arena + MIB, 63 * MIB, "---p"),
            mapping(LIBRARY, MIB, "r-xp", "/usr/lib/a b.so", files - files // 2),
            mapping(OTHER, MIB, "rw-s", "/dev/zero (deleted)", files // 2),
            mapping(OTHER + 16 * MIB, MIB, resident_kib=other),
            mapping(stack - 4 * KIB, 4 * KIB, "---p"),
            mapping(stack, 64 * KIB, resident_kib=stacks),
            mapping(0x7FFC_0000_0000, 132 * KIB, name="[stack]", resident_kib=20),
        ]
    )


def by_kind(parts: Sequence[ResidentPart]) -> dict[PageKind, int]:
    return {part.kind: round(part.bytes_per_1000_calls / 1000) for part in parts}


def test_mappings_are_distinguished_by_their_entries_in_smaps() -> None:
    mapped = parse_smaps(snapshot(1, heap=1000, stacks=30, files=40, other=50)[1])
    assert (mapped["heap"], mapped["stack"], mapped["file"]) == (1000 * KIB, 30 * KIB, 40 * KIB)


def test_a_text_that_is_not_smaps_has_no_mappings() -> None:
    assert parse_smaps("Rss: 12 kB\nnonsense\n\x1b[31m-1 rw-p") == parse_smaps("")


def test_freed_memory_pinned_by_a_small_leak_is_distinguished_from_mappings() -> None:
    # GIVEN 240 B per call that live, and 73 KB of freed address space, of which 44 KB are resident
    read = readings(python=45, native=195, free=73_000, arena=45, rss=44_000)
    snapshots = snapshot(100, heap=10_000, other=7), snapshot(2000, heap=10_000 + 44_000 * 1900 // KIB, other=7)
    # WHEN the growth of resident memory is taken apart
    parts = resident_parts(Verdict.LEAK, growth(44_000, 240), read, snapshots)
    # THEN most of it was freed, and the live bytes are to be explained
    assert by_kind(parts) == {PageKind.FREE: 43_760, PageKind.LIVE: 240}
    assert pinning_bytes_per_1000_calls(growth(44_000, 240), parts) == 240_000


def test_free_bytes_of_malloc_do_not_explain_other_mappings() -> None:
    """GIVEN free bytes that are not resident, and pages of another mapping."""
    snapshots = snapshot(100, other=0), snapshot(2000, other=8 * 1900)
    parts = resident_parts(Verdict.LEAK, growth(8192, 16), readings(native=16, free=9000, rss=8192), snapshots)
    assert by_kind(parts) == {PageKind.MAPPED: 8176, PageKind.LIVE: 16}
    assert pinning_bytes_per_1000_calls(growth(8192, 16), parts) is None


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ({"stacks": 8 * 1900}, {PageKind.STACKS: 8192}),
        ({"files": 8 * 1900}, {PageKind.FILES: 8192}),
        ({"files": 6 * 1900, "stacks": 2 * 1900}, {PageKind.FILES: 6144, PageKind.STACKS: 2048}),
        ({"other": 8 * 1900}, {PageKind.MAPPED: 8192}),
    ],
)
def test_stacks_files_and_other_mappings_are_distinguished(late: dict[str, int], expected: dict[PageKind, int]) -> None:
    parts = resident_parts(Verdict.LEAK, growth(8192), readings(rss=8192), (snapshot(100), snapshot(2000, **late)))
    assert by_kind(parts) == expected


def test_free_pools_in_arenas_of_python_are_reported() -> None:
    parts = resident_parts(Verdict.LEAK, growth(10_000, 100), readings(python=100, arena=12_000, rss=10_000), None)
    assert by_kind(parts) == {PageKind.ARENAS: 9900, PageKind.LIVE: 100}
    assert pinning_bytes_per_1000_calls(growth(10_000, 100), parts) == 100_000


@pytest.mark.parametrize(("bytes_per_call", "is_reported"), [(80, False), (120, True)])
def test_a_part_of_less_than_a_hundredth_is_not_reported(bytes_per_call: int, is_reported: bool) -> None:
    # GIVEN pages of other mappings, and some that Python's arenas hold free
    parts = resident_parts(Verdict.LEAK, growth(10_000), readings(arena=bytes_per_call, rss=10_000), None)
    assert (PageKind.ARENAS in by_kind(parts)) is is_reported


@pytest.mark.parametrize(("free", "is_pinned"), [(4000, False), (6000, True)])
def test_a_leak_is_explained_where_what_it_pins_is_most_of_the_growth(free: int, is_pinned: bool) -> None:
    parts = resident_parts(Verdict.LEAK, growth(10_000, 100), readings(python=100, arena=100 + free, rss=10_000), None)
    assert (pinning_bytes_per_1000_calls(growth(10_000, 100), parts) is not None) is is_pinned


def test_if_the_allocator_cannot_be_read_no_mapping_is_claimed() -> None:
    parts = resident_parts(Verdict.LEAK, growth(96), readings(native=None, rss=96), None)
    assert by_kind(parts) == {PageKind.UNREAD: 96}


def test_without_a_growing_heap_nothing_is_pinned() -> None:
    parts = resident_parts(Verdict.LEAK, growth(44_000, 3), readings(native=3, free=73_000, rss=44_000), None)
    assert by_kind(parts) == {PageKind.FREE: 43_997}
    assert pinning_bytes_per_1000_calls(growth(44_000, 3), parts) is None


def test_pages_are_not_taken_apart_if_the_heap_decides() -> None:
    assert resident_parts(Verdict.LEAK, replace(growth(9000), meter=Meter.HEAP), readings(rss=9000), None) == ()
    assert resident_parts(Verdict.CLEAN, growth(9000), readings(rss=9000), None) == ()
    assert resident_parts(Verdict.LEAK, None, readings(rss=9000), None) == ()


def test_the_growth_that_pins_is_explained_on_the_meter_of_the_heap() -> None:
    result = Result(
        scenario="a",
        variant=None,
        target="a.py::a",
        verdict=Verdict.LEAK,
        gate=Gate.OVER,
        over_budget=("growth",),
        budget=Budget(growth_bytes_per_1000_calls=4096.0),
        growth=growth(44_000, 240),
        readings=readings(native=240, rss=44_000),
    )
    # GIVEN pages that rise in a sawtooth, over a heap that does not
    sawtooth = Shape(rising=True, meter=Meter.RSS, tail=Series(CALLS, [call % 70 * 44_000 for call in CALLS]))
    pages = explain_request_of(result, ReplayProgress(), sawtooth)
    assert (pages.bytes_per_1000_calls, pages.meter, pages.is_sawtooth) == (44_000_000, Meter.RSS, True)
    heap = explain_request_of(replace(result, pinned_by_bytes_per_1000_calls=240_000.0), ReplayProgress(), sawtooth)
    assert (heap.bytes_per_1000_calls, heap.meter, heap.is_sawtooth) == (240_000, Meter.HEAP, False)
