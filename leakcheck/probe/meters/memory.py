"""The exact meters: live bytes, blocks, resident pages, and what is counted beside memory; untraced.

Python's live bytes are what pymalloc has handed out (`_PyObject_DebugMallocStats`), native bytes
what glibc's malloc has (`mallinfo2`). pymalloc takes its arenas from mmap, so no byte counts
twice; under PYTHONMALLOC=malloc pymalloc reports 0 and malloc has it all. A reading writes
numbers into arrays made before the first window: an object kept for each would grow the heap
by itself.
"""

import ctypes
import sys
from array import array
from collections.abc import Callable, Collection

from leakcheck.probe.meters import resources
from leakcheck.probe.originals import BUILTINS, is_there, os

__builtins__ = BUILTINS

CAPACITY = 2048
"""Readings that one block may have."""

_STATS_BYTES = 1 << 16
_STATS_LINE, _ARENAS_LINE = b"# bytes in allocated blocks", b" bytes/arena"
_LEAST_BYTES = 1 << 16
"""Any interpreter has more than this of malloc before it runs a line of ours."""
_TRIED_BYTES = 1 << 16
"""Too much for a thread cache, and too little to be mapped by itself, which would change malloc's threshold."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

Read = Callable[[], int]


class _WithBeside:
    """A reader, and one of what else was found when it read."""

    __slots__ = ("_read", "beside")

    def __init__(self, read: Read, beside: Read) -> None:
        self._read = read
        self.beside = beside

    def __call__(self) -> int:
        return self._read()


def _beside(read: Read | None) -> Read | None:
    return read.beside if isinstance(read, _WithBeside) else None


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _python_bytes() -> Read | None:
    """Return a reader of pymalloc's live bytes, and its arenas' beside them; None where nothing tells them."""
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
        at = text.find(line)
        if at < 0:
            return 0  # pymalloc is off, so it holds nothing
        return int(text[text.index(b"=", at) + 1 : text.index(b"\n", at)].replace(b",", b""))

    def read() -> int:
        rewind(stream)
        stats(stream)
        fflush(stream)
        return value_of(_STATS_LINE)

    return _WithBeside(read, lambda: value_of(_ARENAS_LINE))


def _native_bytes() -> Read | None:
    """Return a reader of malloc's live bytes, and its free ones beside them.

    None where there is none, or another malloc has its place.
    """
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None
    mallinfo2.restype = _Mallinfo2
    mallinfo2.argtypes = []
    free = array("q", [0])

    def read() -> int:
        info = mallinfo2()
        free[0] = info.fordblks
        live: int = info.uordblks + info.hblkhd
        return live

    # under a malloc that was preloaded glibc's counters stand still, and what stands still would be clean
    is_there = read() >= _LEAST_BYTES and _sees(read, "PyMem_RawMalloc", "PyMem_RawFree")
    return _WithBeside(read, lambda: free[0]) if is_there else None


def _sees(read: Read, allocate: str, free: str) -> bool:
    """Tell whether a meter sees a block that this allocator of Python's takes; True where it cannot be tried."""
    try:
        take, give = getattr(ctypes.pythonapi, allocate), getattr(ctypes.pythonapi, free)
    except (AttributeError, OSError):
        return True
    take.restype, take.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    give.restype, give.argtypes = None, [ctypes.c_void_p]
    before = read()
    block = take(_TRIED_BYTES)
    seen = read() - before
    give(block)
    return seen >= _TRIED_BYTES


def _rss_bytes() -> Read | None:
    """Return a reader of the resident pages, and all that is mapped beside them; None without a /proc."""
    path = "/proc/self/statm"
    if not is_there(path):
        return None
    mapped = array("q", [0])

    def read() -> int:
        # opened each time: the user's code may close every descriptor there is
        descriptor = os.open(path, os.O_RDONLY)
        try:
            pages = os.read(descriptor, 128).split()
        finally:
            os.close(descriptor)
        mapped[0] = int(pages[0]) * _PAGE_BYTES
        return int(pages[1]) * _PAGE_BYTES

    return _WithBeside(read, lambda: mapped[0])


def _page_bytes(folder: str = "/sys/kernel/mm/transparent_hugepage") -> Read | None:
    """Return a reader of the step in which memory becomes resident: large, where Linux gives all memory huge pages."""
    try:
        with open(f"{folder}/enabled") as enabled, open(f"{folder}/hpage_pmd_size") as size:
            step = int(size.read()) if "[always]" in enabled.read() else _PAGE_BYTES
    except (OSError, ValueError):
        step = _PAGE_BYTES
    return lambda: step


class Meters:
    """All meters of this platform, and the arrays that a block's readings are written into."""

    def __init__(self, allowed: Collection[str]) -> None:
        python = _python_bytes() if "python" in allowed else None
        native = _native_bytes() if "native" in allowed else None
        rss = _rss_bytes() if "rss" in allowed else None
        is_off = python is not None and "native" in allowed and python() == 0
        if is_off and (native is None or not _sees(native, "PyObject_Malloc", "PyObject_Free")):
            python = None  # pymalloc is off, and nobody sees who has it all
        # what is beside a reading is of the moment at which it was taken, and so stands after it
        found: dict[str, Read | None] = {
            "python_bytes": python,
            "native_bytes": native,
            "blocks": sys.getallocatedblocks,
            "rss_bytes": rss,
            "arena_bytes": _beside(python),
            "free_bytes": _beside(native),
            "mapped_bytes": _beside(rss),
            "page_bytes": _page_bytes() if rss is not None and native is None else None,
            "open_files": resources.open_files(),
            "threads": resources.threads(),
            "children": resources.children(),
            "tasks": resources.tasks(),
            "uncollectable": resources.uncollectable(),
        }
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
