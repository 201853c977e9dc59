"""What Python's own meters cannot see: malloc, mapped memory, a reference that C code forgot.

Everything goes through ctypes, so that nothing has to be compiled. Linux and macOS.
"""

import ctypes
import mmap

from leakcheck.scenario import scenario

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
INCREF = ctypes.pythonapi.Py_IncRef
INCREF.argtypes = [ctypes.py_object]
INCREF.restype = None


@scenario
def malloc_without_free() -> None:
    """Lose 100 bytes of malloc; no Python object knows of them."""
    LIBC.malloc(100)


@scenario
def malloc_and_free() -> None:
    """Take a block of malloc and give it back."""
    LIBC.free(LIBC.malloc(1000))


@scenario
def mapped_memory() -> None:
    """Map a page and write to it: neither pymalloc nor malloc knows of it, only RSS does."""
    page = LIBC.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANON, -1, 0)
    ctypes.memset(page, 1, mmap.PAGESIZE)


@scenario
def reference_forgotten() -> None:
    """Take a reference and never give it back, as a C extension with a missing DECREF does."""
    INCREF(bytes(200))
