"""Resolve native frames: which library each belongs to, and which of them are worth showing.

memray resolves an address to functions and source files (several where calls were inlined), and to `<unknown>` where a
library was stripped. It does not report the library, which is what people recognise:
`_multidict.cpython-311-x86_64-linux-gnu.so`. The capture has the addresses, and memray can print them.
"""

import bisect
import ctypes
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from leakcheck.probe.allocations.stacks import NATIVE, FrameLine, frame_kind
from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_TRACE = re.compile(r"NATIVE_TRACE_INDEX ip=(?:0x)?([0-9a-f]+) index=(\d+)")
_SYSTEM_LIBRARY = re.compile(r"(ld-linux|ld-musl|libc|libm|libpthread|libdl|librt|libstdc\+\+|libgcc_s|libffi)\b")
_TRACER_LIBRARY = re.compile(r"_memray\b")
_EVALUATOR = "_PyEval_EvalFrame"


class NativeLibraries:
    """Find the libraries of a capture's native frames; where that fails, source file names are used instead."""

    def __init__(self, memray: Any, capture: str) -> None:
        self._traces = [(0, 0), *_native_traces(memray, capture)]
        self._ranges = sorted(_mapped_files())
        self._interpreter = os.path.realpath(sys.executable)

    def frames(self, record: Any) -> tuple[list[FrameLine], bool]:
        """Return a record's Python and native frames, and whether the interpreter itself allocated.

        Frames of the interpreter and of the C library are left out.
        """
        native = record.native_stack_trace()
        libraries = self._libraries_of(record, native)
        python_frames = iter(record.stack_trace())
        next_python_frame = next(python_frames, None)
        frames: list[FrameLine] = []
        innermost: str | None = None
        position = 0
        for frame in _hybrid_stack(record, native):
            if frame == next_python_frame:
                next_python_frame = next(python_frames, None)
                innermost = innermost or ""
                kind = frame_kind(frame[1])
                if kind is not None:
                    frames.append(FrameLine(frame[0], frame[1], frame[2], kind))
                continue
            while position < len(native) and native[position] != frame:
                position += 1  # the evaluator's frames, which the Python frames replace
            library = libraries[position] if position < len(libraries) else _guessed_library(frame[1])
            position += 1
            if _SYSTEM_LIBRARY.match(library):
                continue
            innermost = library if innermost is None else innermost
            if library and not _TRACER_LIBRARY.match(library) and not _is_inlined_interpreter(frame[1], library):
                frames.append(_native_frame(frame, library))
        return _without_repeats(frames), not innermost

    def _libraries_of(self, record: Any, frames: list[tuple[str, str, int]]) -> list[str]:
        """Return each native frame's library ("" for the interpreter); empty if they cannot be determined."""
        libraries: list[str] = []
        trace_id = record.native_stack_id
        while 0 < trace_id < len(self._traces):
            address, trace_id = self._traces[trace_id]
            libraries.append(self._library_at(address))
        if not libraries or len(libraries) > len(frames):
            return []
        return [
            libraries[index]
            for index in assign_addresses(libraries, [(function, file) for function, file, _ in frames])
        ]

    def _library_at(self, address: int) -> str:
        position = bisect.bisect(self._ranges, (address, sys.maxsize, "")) - 1
        if position < 0 or address >= self._ranges[position][1]:
            return UNKNOWN_NAME
        path = self._ranges[position][2]
        name = os.path.basename(path)
        return "" if name.startswith("libpython") or path == self._interpreter else name


def _hybrid_stack(record: Any, native: list[Any]) -> list[Any]:
    """Return native and Python frames in one stack, innermost first.

    memray replaces the evaluator's frames by Python's, and asserts if there are more of one than of the other. Then
    Python's frames replace the innermost evaluator, and native frames outside it are left out.
    """
    try:
        return list(record.hybrid_stack_trace())
    except AssertionError:
        evaluator = next((index for index, frame in enumerate(native) if frame[0].startswith(_EVALUATOR)), len(native))
        return [*native[:evaluator], *record.stack_trace()]


def _guessed_library(file: str) -> str:
    return "" if _INTERPRETER_SOURCE.search(file) else os.path.basename(file)


def _is_inlined_interpreter(file: str, library: str) -> bool:
    return bool(_INTERPRETER_SOURCE.search(file)) and _stem(library) not in file


def _native_frame(frame: tuple[str, str, int], library: str) -> FrameLine:
    function, file, line = (part if part != UNKNOWN_NAME else "" for part in frame)
    # the end of the build path is enough
    source = os.sep.join(str(file).split(os.sep)[-3:])
    return FrameLine(str(function), library if library != UNKNOWN_NAME else "", int(line or 0), NATIVE, source)


def _without_repeats(frames: list[FrameLine]) -> list[FrameLine]:
    """Drop a nameless frame next to another of the same library: it adds nothing."""
    result: list[FrameLine] = []
    for index, frame in enumerate(frames):
        neighbours = [*frames[max(index - 1, 0) : index], *frames[index + 1 : index + 2]]
        is_nameless = frame.kind == NATIVE and not frame.function
        has_named_neighbour = any(neighbour.file == frame.file and neighbour.function for neighbour in neighbours)
        is_repeated = bool(result) and result[-1] == frame
        if not (is_nameless and (has_named_neighbour or is_repeated)):
            result.append(frame)
    return result


def _native_traces(memray: Any, capture: str) -> Iterator[tuple[int, int]]:
    """Yield the address of each native frame and its caller's number; frames are numbered from 1 in this order."""
    for line in _printed_traces(memray, capture):
        match = _TRACE.match(line)
        if match is not None:
            yield int(match[1], 16), int(match[2])


def _printed_traces(memray: Any, capture: str) -> list[str]:
    """Return the lines that memray prints about a capture. It bypasses sys.stdout, so the descriptor is redirected."""
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
    """Yield start, end and path of each file mapped into this process: libraries do not move while it lives."""
    try:
        with open("/proc/self/maps", errors="replace") as maps:
            for line in maps:
                fields = line.split(maxsplit=5)
                if len(fields) == 6 and fields[5].startswith("/"):
                    start, _, end = fields[0].partition("-")
                    yield int(start, 16), int(end, 16), fields[5].rstrip("\n")
    except OSError:
        return


UNKNOWN_NAME = "<unknown>"
"""memray's word for a function or source file that it cannot resolve."""

_INTERPRETER_SOURCE = re.compile(r"(^|/)(Objects|Python|Modules|Parser|Include/internal)/")
_MAX_FRAMES = 100  # any value from 40 to 200 does: forty are shown, and the cost is quadratic


def _stem(library: str) -> str:
    """Return the name of an extension without its platform: `_multidict` for `_multidict.cpython-311-…so`."""
    return library.partition(".")[0]


def assign_addresses(libraries: Sequence[str], frames: Sequence[tuple[str, str]]) -> list[int]:
    """Return, for each of the innermost hundred frames (function, file), the index of its address in `libraries`.

    Each address has at least one frame, in order. memray knows inlined calls from debug information only, so a frame
    without a source file is the only one of its address. Among the remaining assignments, choose one in which the
    fewest frames disagree with their library ("" is the interpreter) about whose code they are.
    """
    spare = len(frames) - len(libraries)
    if spare <= 0:
        return [min(index, len(libraries) - 1) for index in range(min(len(frames), _MAX_FRAMES))]
    is_whole = len(frames) <= _MAX_FRAMES
    frames = frames[:_MAX_FRAMES]
    is_alone = [file == UNKNOWN_NAME for _, file in frames]
    stems = {_stem(library) for library in libraries} - {""}

    def disagrees(frame: tuple[str, str], library: str) -> bool:
        function, file = frame
        # sources of the standard library's extensions lie among the interpreter's: Modules/_asynciomodule.c
        of_extension = next((stem for stem in stems if stem in file), None)
        if of_extension is not None:
            return _stem(library) != of_extension
        like_interpreter = bool(_INTERPRETER_SOURCE.search(file)) or function.startswith("_Py")
        return like_interpreter != (library == "")

    # dynamic programming over the number of inlined frames so far: the least disagreement, and the state it came from
    costs = {0: int(disagrees(frames[0], libraries[0]))}
    previous: list[dict[int, int]] = [{0: 0}]
    for index in range(1, len(frames)):
        following: dict[int, int] = {}
        steps: dict[int, int] = {}
        may_inline = not is_alone[index] and not is_alone[index - 1]
        for inlined, cost in costs.items():
            for now_inlined in (inlined, inlined + 1) if may_inline and inlined < spare else (inlined,):
                address = index - now_inlined
                if address >= len(libraries):
                    continue
                new_cost = cost + disagrees(frames[index], libraries[address])
                if now_inlined not in following or new_cost < following[now_inlined]:
                    following[now_inlined], steps[now_inlined] = new_cost, inlined
        costs = following
        previous.append(steps)
    if not costs or (is_whole and spare not in costs):
        return [min(index, len(libraries) - 1) for index in range(len(frames))]
    now_inlined = spare if is_whole else min(costs, key=lambda inlined: costs[inlined])
    addresses: list[int] = []
    for index in range(len(frames) - 1, -1, -1):
        addresses.append(index - now_inlined)
        now_inlined = previous[index][now_inlined]
    return addresses[::-1]
