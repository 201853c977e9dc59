"""The tracer that sees every allocation: memray, one capture a window."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from leakcheck.probe.allocations.frame_origin import NATIVE
from leakcheck.probe.allocations.memray_fallback import borrow_memray
from leakcheck.probe.allocations.native_frames import NativeLibraries
from leakcheck.probe.allocations.stacks import FrameLine, Run, StackHolding, held_bytes, python_places, shortened
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.probe.process_folder import own_folder

__builtins__ = BUILTINS

_FIRST_RAW = 6
"""memray's numbers: up to here are Python's allocators and free, from here malloc and its kin."""
_MMAP = 14
_REALLOCS = frozenset({4, 7})
_NATIVE_THREAD = FrameLine("a thread outside Python", "", 0, NATIVE)
_MOST_RESOLVED = {False: 3000, True: 400}
"""Records whose stack is looked up, without and with native frames: tens of microseconds and milliseconds each."""


class MemrayTracer:
    """memray's Tracker around each window, and the records that it leaves."""

    def __init__(self, lent_packages: str | None, *, native: bool) -> None:
        self._memray = borrow_memray(lent_packages)
        self._native = native

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay under a Tracker: a code object's first tracked run allocates its line table, for ever."""
        with tempfile.TemporaryDirectory(prefix="leakcheck-", dir=own_folder()) as folder:
            self._track(os.path.join(folder, "warm-up"), run, calls)

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[StackHolding]:
        """Return what the window's allocations still hold once it is over and garbage is collected."""
        with tempfile.TemporaryDirectory(prefix="leakcheck-", dir=own_folder()) as folder:
            path = os.path.join(folder, "window")
            self._track(path, run, calls)
            with self._memray.FileReader(path) as reader:
                records = list(reader.get_leaked_allocation_records(merge_threads=True))
                libraries = NativeLibraries(self._memray, path) if self._native else None
                return list(holdings(records, libraries, mapped=mapped))

    def stop(self) -> None:
        """Do nothing: each window closes its own Tracker."""

    def _track(self, path: str, run: Run, calls: int) -> None:
        settle()
        # Python's allocators too: without them only arenas of 1 MiB are seen
        with self._memray.Tracker(
            path,
            native_traces=self._native,
            trace_python_allocators=True,
            file_format=self._memray.FileFormat.AGGREGATED_ALLOCATIONS,
        ):
            run(calls)
            settle()


def holdings(
    records: Iterable[Any], libraries: NativeLibraries | None = None, *, mapped: bool = False, held: bool = True
) -> Iterator[StackHolding]:
    """Yield what memray's records hold, the heaviest first; of those beyond the first thousands only the sum.

    Sizes become those of the allocators' blocks where `held`, else they stay as they were requested.
    A record whose stack memray cannot resolve is in the sum as well.
    """
    # pymalloc takes its arenas past the tracer, so what is mapped is something else, which only pages show
    wanted = [record for record in records if mapped or record.allocator != _MMAP]
    wanted.sort(key=lambda record: -record.size)
    off = os.environ.get("PYTHONMALLOC", "").startswith("malloc")
    most = _MOST_RESOLVED[libraries is not None]
    rest = wanted[most:]
    for record in wanted[:most]:
        allocator, size, blocks = record.allocator, record.size, record.n_allocations
        raw = allocator >= _FIRST_RAW
        if held and allocator != _MMAP:
            size = held_bytes(size, blocks, pymalloc=not raw and not off)
        try:
            places, by_interpreter = _places(record, libraries)
        except Exception:  # memray asserts on some records: one of them must not cost all others
            rest.append(record)
            continue
        if places:  # else our own loop, and what the tracer leaves: 72 bytes a window
            yield StackHolding(shortened(places), size, blocks, raw and not by_interpreter, allocator in _REALLOCS)
    yield StackHolding((), sum(record.size for record in rest), sum(record.n_allocations for record in rest))


def _places(record: Any, libraries: NativeLibraries | None) -> tuple[list[FrameLine], bool]:
    """Return a record's places, and whether the interpreter itself allocated. Raises what memray raises."""
    if libraries is None:
        places, by_interpreter = python_places(record.stack_trace()), False
    else:
        places, by_interpreter = libraries.places(record)
    if not places and not record.stack_trace(max_stacks=1):
        places = [_NATIVE_THREAD]
    return places, by_interpreter
