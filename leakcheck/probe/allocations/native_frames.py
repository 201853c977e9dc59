"""Native frames: which library each belongs to, and which of them are worth showing.

memray resolves an address to functions and source files, several where calls were inlined, and to
`<unknown>` where a library was stripped. It does not say the library, and that is what people know:
`_multidict.cpython-311-x86_64-linux-gnu.so`. The capture has the addresses; memray prints them.
"""

import bisect
import ctypes
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from leakcheck.probe.allocations.frame_origin import NATIVE, kind_of
from leakcheck.probe.allocations.stacks import FrameLine
from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS


_TRACE = re.compile(r"NATIVE_TRACE_INDEX ip=(?:0x)?([0-9a-f]+) index=(\d+)")
_PLUMBING = re.compile(r"(ld-linux|ld-musl|libc|libm|libpthread|libdl|librt|libstdc\+\+|libgcc_s|libffi)\b")
_TRACER = re.compile(r"_memray\b")
_EVALUATOR = "_PyEval_EvalFrame"


class NativeLibraries:
    """The libraries of a capture's native frames; where they cannot be told, the source files speak."""

    def __init__(self, memray: Any, capture: str) -> None:
        self._traces = [(0, 0), *_native_traces(memray, capture)]
        self._ranges = sorted(_mapped_files())
        self._interpreter = os.path.realpath(sys.executable)

    def places(self, record: Any) -> tuple[list[FrameLine], bool]:
        """Return a record's Python and native places, and whether the interpreter itself allocated.

        The interpreter's own machinery and the C library's are left out.
        """
        native = record.native_stack_trace()
        libraries = self._libraries_of(record, native)
        python = iter(record.stack_trace())
        next_python = next(python, None)
        places: list[FrameLine] = []
        innermost: str | None = None
        at = 0
        for frame in _hybrid(record, native):
            if frame == next_python:
                next_python = next(python, None)
                innermost = innermost or ""
                kind = kind_of(frame[1])
                if kind is not None:
                    places.append(FrameLine(frame[0], frame[1], frame[2], kind))
                continue
            while at < len(native) and native[at] != frame:
                at += 1  # the evaluator's, in whose place Python's frames stand
            library = libraries[at] if at < len(libraries) else _guessed(frame[1])
            at += 1
            if _PLUMBING.match(library):
                continue
            innermost = library if innermost is None else innermost
            if library and not _TRACER.match(library) and not _is_inlined_interpreter(frame[1], library):
                places.append(_native_place(frame, library))
        return _without_repeats(places), not innermost

    def _libraries_of(self, record: Any, frames: list[tuple[str, str, int]]) -> list[str]:
        """Return each native frame's library, "" for the interpreter, as far as they can be told."""
        found: list[str] = []
        at = record.native_stack_id
        while 0 < at < len(self._traces):
            address, at = self._traces[at]
            found.append(self._library_at(address))
        if not found or len(found) > len(frames):
            return []
        return [found[which] for which in spread_over(found, [(function, file) for function, file, _ in frames])]

    def _library_at(self, address: int) -> str:
        at = bisect.bisect(self._ranges, (address, sys.maxsize, "")) - 1
        if at < 0 or address >= self._ranges[at][1]:
            return UNKNOWN
        path = self._ranges[at][2]
        name = os.path.basename(path)
        return "" if name.startswith("libpython") or path == self._interpreter else name


def _hybrid(record: Any, native: list[Any]) -> list[Any]:
    """Return native and Python frames in one stack, innermost first.

    memray puts Python's frames where the evaluator's are, and asserts where it counts more of the one than
    of the other. Then Python's stand where the innermost evaluator does, and what is native beyond is left out.
    """
    try:
        return list(record.hybrid_stack_trace())
    except AssertionError:
        evaluator = next((at for at, frame in enumerate(native) if frame[0].startswith(_EVALUATOR)), len(native))
        return [*native[:evaluator], *record.stack_trace()]


def _guessed(file: str) -> str:
    """Return what stands for the library where only a source file is known."""
    return "" if INTERPRETER.search(file) else os.path.basename(file)


def _is_inlined_interpreter(file: str, library: str) -> bool:
    """Tell whether a source file is the interpreter's although its code stands in an extension."""
    return bool(INTERPRETER.search(file)) and stem_of(library) not in file


def _native_place(frame: tuple[str, str, int], library: str) -> FrameLine:
    function, file, line = (part if part != UNKNOWN else "" for part in frame)
    # of where it was built the end is enough
    source = os.sep.join(str(file).split(os.sep)[-3:])
    return FrameLine(str(function), library if library != UNKNOWN else "", int(line or 0), NATIVE, source)


def _without_repeats(places: list[FrameLine]) -> list[FrameLine]:
    """Leave out a nameless frame beside another of the same library: it says nothing more."""
    kept: list[FrameLine] = []
    for at, place in enumerate(places):
        beside = [*places[max(at - 1, 0) : at], *places[at + 1 : at + 2]]
        nameless = place.kind == NATIVE and not place.function
        named_beside = any(one.file == place.file and one.function for one in beside)
        repeated = bool(kept) and kept[-1] == place
        if not (nameless and (named_beside or repeated)):
            kept.append(place)
    return kept


def _native_traces(memray: Any, capture: str) -> Iterator[tuple[int, int]]:
    """Yield the address and the caller's number of each native frame, numbered from 1 in this order."""
    for line in _printed(memray, capture):
        found = _TRACE.match(line)
        if found is not None:
            yield int(found[1], 16), int(found[2])


def _printed(memray: Any, capture: str) -> list[str]:
    """Return what memray prints of a capture. It goes past sys.stdout, so the descriptor is turned."""
    flush = ctypes.CDLL(None).fflush
    try:
        flush(None)
        with tempfile.TemporaryFile(mode="w+", errors="replace") as file:
            stdout = os.dup(1)
            try:
                os.dup2(file.fileno(), 1)
                memray.dump_all_records(capture)
                flush(None)
            finally:
                os.dup2(stdout, 1)
                os.close(stdout)
            file.seek(0)
            return [line for line in file if line.startswith("NATIVE_TRACE")]
    except OSError:
        return []  # the user's code closed it


def _mapped_files() -> Iterator[tuple[int, int, str]]:
    """Yield begin, end and path of each mapped file, of this process: libraries do not move while it lives."""
    try:
        with open("/proc/self/maps", errors="replace") as maps:
            for line in maps:
                fields = line.split(maxsplit=5)
                if len(fields) == 6 and fields[5].startswith("/"):
                    begin, _, end = fields[0].partition("-")
                    yield int(begin, 16), int(end, 16), fields[5].rstrip("\n")
    except OSError:
        return


UNKNOWN = "<unknown>"
"""What memray says of a function or a source file that it cannot tell."""

INTERPRETER = re.compile(r"(^|/)(Objects|Python|Modules|Parser|Include/internal)/")
"""A source file of the interpreter itself."""

MOST_FRAMES = 100
"""Of a deeper stack the innermost: more than that is not shown, and this takes their number squared."""


def stem_of(library: str) -> str:
    """Return the name of an extension without its platform: `_multidict` of `_multidict.cpython-311-…so`."""
    return library.partition(".")[0]


def spread_over(libraries: Sequence[str], frames: Sequence[tuple[str, str]]) -> list[int]:
    """Return for each of the innermost hundred frames (function, file) the place of its address in `libraries`.

    Each address has at least one frame, in order. memray knows of inlined calls from debug
    information alone, so a frame without a source file is the only one of its address. Of what is
    left the fewest frames disagree with their library ("" is the interpreter) on whose they are.
    """
    spare = len(frames) - len(libraries)
    if spare <= 0:
        return [min(at, len(libraries) - 1) for at in range(min(len(frames), MOST_FRAMES))]
    whole = len(frames) <= MOST_FRAMES
    frames = frames[:MOST_FRAMES]
    alone = [file == UNKNOWN for _, file in frames]
    stems = {stem_of(library) for library in libraries} - {""}

    def disagrees(frame: tuple[str, str], library: str) -> bool:
        function, file = frame
        # the standard library's extensions lie among the interpreter's sources: Modules/_asynciomodule.c
        of_extension = next((stem for stem in stems if stem in file), None)
        if of_extension is not None:
            return stem_of(library) != of_extension
        like_interpreter = bool(INTERPRETER.search(file)) or function.startswith("_Py")
        return like_interpreter != (library == "")

    # by how many frames were inlined so far: the least disagreement, and where the frame before stood
    costs = {0: int(disagrees(frames[0], libraries[0]))}
    came_from: list[dict[int, int]] = [{0: 0}]
    for at in range(1, len(frames)):
        following: dict[int, int] = {}
        steps: dict[int, int] = {}
        may_inline = not alone[at] and not alone[at - 1]
        for inlined, cost in costs.items():
            for used in (inlined, inlined + 1) if may_inline and inlined < spare else (inlined,):
                address = at - used
                if address >= len(libraries):
                    continue
                new = cost + disagrees(frames[at], libraries[address])
                if used not in following or new < following[used]:
                    following[used], steps[used] = new, inlined
        costs = following
        came_from.append(steps)
    if not costs or (whole and spare not in costs):
        return [min(at, len(libraries) - 1) for at in range(len(frames))]
    used = spare if whole else min(costs, key=lambda inlined: costs[inlined])
    found: list[int] = []
    for at in range(len(frames) - 1, -1, -1):
        found.append(at - used)
        used = came_from[at][used]
    return found[::-1]
