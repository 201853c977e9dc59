"""Trace with memray, which sees every allocation: one capture per window."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from leakcheck.probe.allocations.memray_fallback import load_memray, track_all
from leakcheck.probe.allocations.native_frames import NativeLibraries
from leakcheck.probe.allocations.stacks import (
    NATIVE,
    FrameLine,
    Run,
    StackHolding,
    held_bytes,
    python_frames,
    truncate_stack,
)
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.probe.process_environment import own_folder

__builtins__ = BUILTINS

_FIRST_RAW = 6  # not tuned: by memray
"""memray's allocator numbers: below this Python's allocators and free, from here on malloc and its relatives."""
_MMAP = 14  # not tuned: by memray
_REALLOCS = frozenset({4, 7})  # not tuned: by memray
_NATIVE_THREAD = FrameLine("a thread outside Python", "", 0, NATIVE)
_MAX_RESOLVED = {False: 3000, True: 400}  # any value from 100 to 10000 does: the heaviest come first
"""How many records have their stack resolved, without and with native frames: that takes tens of microseconds and
milliseconds each.
"""


class MemrayTracer:
    """Run memray's Tracker around each window and read the records it leaves."""

    def __init__(self, lent_packages: str | None, *, native: bool) -> None:
        self._memray = load_memray(lent_packages)
        self._native = native

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay under a Tracker: the first tracked run of a code object allocates its line table permanently."""
        with tempfile.TemporaryDirectory(prefix="leakcheck-", dir=own_folder()) as folder:
            self._track(os.path.join(folder, "warm-up"), run, calls)

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[StackHolding]:
        """Return what the window's allocations still hold after it ended and garbage was collected."""
        with tempfile.TemporaryDirectory(prefix="leakcheck-", dir=own_folder()) as folder:
            path = os.path.join(folder, "window")
            self._track(path, run, calls)
            with self._memray.FileReader(path) as reader:
                records = list(reader.get_leaked_allocation_records(merge_threads=True))
                libraries = NativeLibraries(self._memray, path) if self._native else None
                return list(holdings_of_records(records, libraries, mapped=mapped))

    def stop(self) -> None:
        """Do nothing: each window closes its own Tracker."""

    def _track(self, path: str, run: Run, calls: int) -> None:
        settle()
        with track_all(self._memray, path, native=self._native):
            run(calls)
            settle()


def holdings_of_records(
    records: Iterable[Any], libraries: NativeLibraries | None = None, *, mapped: bool = False, held: bool = True
) -> Iterator[StackHolding]:
    """Yield what memray's records hold, the heaviest first; for those beyond the resolved ones only the sum.

    With `held`, sizes are rounded up to the allocators' blocks, otherwise they stay as requested. A record whose stack
    memray cannot resolve is included in the sum.
    """
    # pymalloc's arenas bypass the tracer, so a mapping is something else, which only the resident pages show
    selected = [record for record in records if mapped or record.allocator != _MMAP]
    selected.sort(key=lambda record: -record.size)
    is_pymalloc_off = os.environ.get("PYTHONMALLOC", "").startswith("malloc")
    most = _MAX_RESOLVED[libraries is not None]
    rest = selected[most:]
    for record in selected[:most]:
        allocator, size, blocks = record.allocator, record.size, record.n_allocations
        is_raw = allocator >= _FIRST_RAW
        if held and allocator != _MMAP:
            size = held_bytes(size, blocks, pymalloc=not is_raw and not is_pymalloc_off)
        try:
            frames, by_interpreter = _frames_of(record, libraries)
        except Exception:  # memray asserts on some records: one must not cost all the others
            rest.append(record)
            continue
        if frames:  # else leakcheck's own loop, and what the tracer leaves: 72 bytes a window
            yield StackHolding(
                truncate_stack(frames), size, blocks, is_raw and not by_interpreter, allocator in _REALLOCS
            )
    yield StackHolding((), sum(record.size for record in rest), sum(record.n_allocations for record in rest))


def _frames_of(record: Any, libraries: NativeLibraries | None) -> tuple[list[FrameLine], bool]:
    """Return a record's frames, and whether the interpreter itself allocated. Raise what memray raises."""
    if libraries is None:
        frames, by_interpreter = python_frames(record.stack_trace()), False
    else:
        frames, by_interpreter = libraries.frames(record)
    if not frames and not record.stack_trace(max_stacks=1):
        frames = [_NATIVE_THREAD]
    return frames, by_interpreter
