"""The exact meters: live bytes, blocks, resident pages, and what is counted beside memory; untraced.

Python's live bytes are what pymalloc has handed out (`_PyObject_DebugMallocStats`), native bytes
what glibc's malloc has (`mallinfo2`). pymalloc takes its arenas from mmap, so no byte counts
twice; under PYTHONMALLOC=malloc pymalloc reports 0 and malloc has it all. A reading writes
numbers into arrays made before the first window: an object kept for each would grow the heap
by itself.
"""

import ctypes
import os
import sys
from array import array
from collections.abc import Callable, Collection

from leakcheck.worker import counts

CAPACITY = 2048
"""Readings that one block may have."""

_STATS_BYTES = 1 << 16
_STATS_LINE = b"# bytes in allocated blocks"
_LEAST_BYTES = 1 << 16
"""Any interpreter has more than this of malloc before it runs a line of ours."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

Read = Callable[[], int]


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _python_bytes() -> Read | None:
    """Return a reader of pymalloc's live bytes, or None where this interpreter cannot tell."""
    try:
        libc = ctypes.CDLL(None)
        stats = ctypes.pythonapi._PyObject_DebugMallocStats
        fmemopen, rewind, fflush = libc.fmemopen, libc.rewind, libc.fflush
    except (AttributeError, OSError):
        return None
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    fmemopen.restype = ctypes.c_void_p
    fmemopen.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    rewind.argtypes = fflush.argtypes = stats.argtypes = [ctypes.c_void_p]
    buffer = ctypes.create_string_buffer(_STATS_BYTES)
    stream = fmemopen(buffer, _STATS_BYTES, b"w")
    if not stream:
        return None

    def read() -> int:
        rewind(stream)
        stats(stream)
        fflush(stream)
        text: bytes = buffer.value
        at = text.find(_STATS_LINE)
        if at < 0:
            return 0  # pymalloc is off, so it holds nothing
        return int(text[text.index(b"=", at) + 1 : text.index(b"\n", at)].replace(b",", b""))

    return read


def _native_bytes() -> Read | None:
    """Return a reader of malloc's live bytes, or None where there is none, or another malloc has its place."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None
    mallinfo2.restype = _Mallinfo2
    mallinfo2.argtypes = []

    def read() -> int:
        info = mallinfo2()
        live: int = info.uordblks + info.hblkhd
        return live

    # under a malloc that was preloaded glibc's counters stand still, and what stands still would be clean
    return read if read() >= _LEAST_BYTES else None


def _rss_bytes() -> Read | None:
    """Return a reader of the resident pages, or None without a /proc."""
    path = "/proc/self/statm"
    if not os.path.exists(path):
        return None

    def read() -> int:
        # opened each time: the user's code may close every descriptor there is
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return int(os.read(descriptor, 128).split()[1]) * _PAGE_BYTES
        finally:
            os.close(descriptor)

    return read


class Meters:
    """All meters of this platform, and the arrays that a block's readings are written into."""

    def __init__(self, allowed: Collection[str]) -> None:
        found: dict[str, Read | None] = {
            "python_bytes": _python_bytes() if "python" in allowed else None,
            "native_bytes": _native_bytes() if "native" in allowed else None,
            "blocks": sys.getallocatedblocks,
            "rss_bytes": _rss_bytes() if "rss" in allowed else None,
            "open_files": counts.open_files(),
            "threads": counts.threads(),
            "children": counts.children(),
            "tasks": counts.tasks(),
            "uncollectable": counts.uncollectable(),
        }
        python = found["python_bytes"]
        if python is not None and "native" in allowed and found["native_bytes"] is None and python() == 0:
            found["python_bytes"] = None  # pymalloc is off, and nobody sees who has it all
        # full size now: watching must not allocate
        self._calls = array("q", bytes(8 * CAPACITY))
        self._meters = [(name, read, array("q", bytes(8 * CAPACITY))) for name, read in found.items() if read]
        # an array, not an attribute: a row number above 256 would be an object that lives while reading
        self._rows = array("q", [0])

    def start_block(self) -> None:
        """Forget the last block's readings; their room is used again."""
        self._rows[0] = 0

    def read(self, done: "array[int]") -> None:
        """Take one reading; `done` holds the calls so far in its first place."""
        rows = self._rows
        self._calls[rows[0]] = done[0]
        for _, read, column in self._meters:
            column[rows[0]] = read()
        rows[0] += 1

    @property
    def names(self) -> list[str]:
        """Return the columns' names, in the order of `columns`."""
        return ["calls", *(name for name, _, _ in self._meters)]

    def columns(self) -> list[tuple["array[int]", int]]:
        """Return the arrays, and how much of each is this block's."""
        return [(self._calls, self._rows[0]), *((column, self._rows[0]) for _, _, column in self._meters)]

    def python(self) -> int | None:
        """Return what Python's own allocator has handed out now; None where it cannot be read apart from malloc."""
        return next((read() for name, read, _ in self._meters if name == "python_bytes"), None) or None

    def heap(self) -> int:
        """Return the live bytes now, as far as they can be read; for differences only."""
        return sum(read() for name, read, _ in self._meters if name in ("python_bytes", "native_bytes"))
