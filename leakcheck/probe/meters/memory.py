"""The exact meters: live bytes, blocks, resident pages, and countable resources; nothing is traced.

Python's live bytes are what pymalloc has handed out (`_PyObject_DebugMallocStats`), native bytes what glibc's malloc
has (`mallinfo2`). pymalloc takes its arenas from mmap, so no byte counts twice; under PYTHONMALLOC=malloc pymalloc
reports 0 and malloc has everything. A reading writes numbers into arrays made before the first window: one object kept
per reading would itself make the heap grow.
"""

import ctypes
import sys
from array import array
from collections.abc import Collection
from typing import Any

from leakcheck.probe.meters.counted import Read
from leakcheck.probe.meters.resources import resource_readers
from leakcheck.probe.originals import BUILTINS, is_there, os

__builtins__ = BUILTINS

BLOCK_CAPACITY = 2048  # any value from 500 to 10000 does: a block has fewer readings
_STATS_BYTES = 1 << 16  # any value from 2**13 to 2**20 does: the text has some KB
_STATS_LINE, _ARENAS_LINE = b"# bytes in allocated blocks", b" bytes/arena"
_LEAST_BYTES = 1 << 16  # any value from 2**12 to 2**18 does: an interpreter has taken megabytes from malloc by now
_TRIED_BYTES = 1 << 16  # any value from 2**12 to 100000 does: see below
"""Too large for a thread cache, and too small to be mapped by itself, which would change malloc's threshold."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096  # not tuned: a page


def _paired(read: Read, companion: Read) -> Read:
    """Return a reader with a second one, of a value that the same reading obtains, as its attribute."""
    read.companion = companion  # type: ignore[attr-defined]
    return read


_MALLINFO2_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO2_FIELDS.split()]


def _python_bytes() -> Read | None:
    """Return a reader of pymalloc's live bytes, paired with that of its arenas; None if nothing reports them."""
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

    def value_of(line: bytes) -> int:
        text: bytes = buffer.value
        start = text.find(line)
        if start < 0:
            return 0  # pymalloc is off
        return int(text[text.index(b"=", start) + 1 : text.index(b"\n", start)].replace(b",", b""))

    def read() -> int:
        rewind(stream)
        stats(stream)
        fflush(stream)
        return value_of(_STATS_LINE)

    return _paired(read, lambda: value_of(_ARENAS_LINE))


def mallinfo2_function() -> Any:
    """Return glibc's mallinfo2. Raise AttributeError or OSError if there is none."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    mallinfo2.argtypes = []
    return mallinfo2


def _native_bytes() -> Read | None:
    """Return a reader of malloc's live bytes, paired with that of its free bytes.

    None if there is no such counter, or another malloc is in use.
    """
    try:
        mallinfo2 = mallinfo2_function()
    except (AttributeError, OSError):
        return None
    free = array("q", [0])

    def read() -> int:
        info = mallinfo2()
        free[0] = info.fordblks
        live: int = info.uordblks + info.hblkhd
        return live

    # under a preloaded malloc glibc's counters stand still, and a counter that stands still would read as clean
    works = read() >= _LEAST_BYTES and _sees(read, "PyMem_RawMalloc", "PyMem_RawFree")
    return _paired(read, lambda: free[0]) if works else None


def _sees(read: Read, allocate: str, free: str) -> bool:
    """Return whether a meter sees a block taken from an allocator of Python's; True if that cannot be tried."""
    try:
        allocate_block, free_block = getattr(ctypes.pythonapi, allocate), getattr(ctypes.pythonapi, free)
    except (AttributeError, OSError):
        return True
    allocate_block.restype, allocate_block.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free_block.restype, free_block.argtypes = None, [ctypes.c_void_p]
    before = read()
    block = allocate_block(_TRIED_BYTES)
    change = read() - before
    free_block(block)
    return change >= _TRIED_BYTES


def _rss_bytes() -> Read | None:
    """Return a reader of the resident pages, paired with that of all mapped pages; None without a /proc."""
    path = "/proc/self/statm"
    if not is_there(path):
        return None
    mapped = array("q", [0])

    def read() -> int:
        # opened each time: the user's code may close any descriptor
        descriptor = os.open(path, os.O_RDONLY)
        try:
            pages = os.read(descriptor, 128).split()
        finally:
            os.close(descriptor)
        mapped[0] = int(pages[0]) * _PAGE_BYTES
        return int(pages[1]) * _PAGE_BYTES

    return _paired(read, lambda: mapped[0])


def _page_bytes(folder: str = "/sys/kernel/mm/transparent_hugepage") -> Read | None:
    """Return a reader of the step in which memory becomes resident: large if Linux gives all memory huge pages."""
    try:
        with open(f"{folder}/enabled") as enabled, open(f"{folder}/hpage_pmd_size") as size:
            step = int(size.read()) if "[always]" in enabled.read() else _PAGE_BYTES
    except (OSError, ValueError):
        step = _PAGE_BYTES
    return lambda: step


class Meters:
    """All meters of this platform, and the arrays that hold the readings of a block."""

    def __init__(self, allowed: Collection[str]) -> None:
        python = _python_bytes() if "python" in allowed else None
        native = _native_bytes() if "native" in allowed else None
        rss = _rss_bytes() if "rss" in allowed else None
        is_pymalloc_off = python is not None and "native" in allowed and python() == 0
        if is_pymalloc_off and (native is None or not _sees(native, "PyObject_Malloc", "PyObject_Free")):
            python = None  # pymalloc is off, and no meter sees the allocator in its place
        # companions hold the value of the last reading, so they come after it
        readers: dict[str, Read | None] = {
            "python_bytes": python,
            "native_bytes": native,
            "blocks": sys.getallocatedblocks,
            "rss_bytes": rss,
            "arena_bytes": getattr(python, "companion", None),
            "free_bytes": getattr(native, "companion", None),
            "mapped_bytes": getattr(rss, "companion", None),
            "page_bytes": _page_bytes() if rss is not None and native is None else None,
            **resource_readers(),
        }
        # full size now: reading must not allocate
        self._calls = array("q", bytes(8 * BLOCK_CAPACITY))
        self._meters = [(name, read, array("q", bytes(8 * BLOCK_CAPACITY))) for name, read in readers.items() if read]
        # an array, not an attribute: a row number above 256 would be an object that is alive during the reading
        self._rows = array("q", [0])

    def start_block(self) -> None:
        """Discard the last block's readings; their space is used again."""
        self._rows[0] = 0

    def read(self, done: "array[int]") -> None:
        """Take one reading; `done` holds the number of calls so far in its first item."""
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
        """Return the arrays, and how many items of each belong to this block."""
        return [(self._calls, self._rows[0]), *((column, self._rows[0]) for _, _, column in self._meters)]

    def python(self) -> int | None:
        """Return the live bytes of Python's own allocator; None if they cannot be read apart from malloc's."""
        return next((read() for name, read, _ in self._meters if name == "python_bytes"), None) or None

    def heap(self) -> int:
        """Return the live bytes now, as far as they can be read; for differences only."""
        return sum(read() for name, read, _ in self._meters if name in ("python_bytes", "native_bytes"))
