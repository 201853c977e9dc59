"""NumPy and SciPy as our own processes want them: without the threads of their linear algebra.

Each brings an OpenBLAS, whose import starts a thread for each core and takes a tenth of a second of CPU for it; our
arrays hold some hundred numbers. Where the process is somebody else's too (a Dask worker), both are imported as ever.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import ModuleType

_THREADS = "OPENBLAS_NUM_THREADS"
_ALONE = Event()
"""Set in a process in which nothing but our analysis computes."""
_BEGUN = Event()
"""Set once SciPy is being imported beside what is done."""


def load_numpy() -> None:
    """Import NumPy without threads, for a process in which nothing but our analysis computes; SciPy comes later."""
    _ALONE.set()
    with _without_threads():
        import numpy  # noqa: F401


def special_functions() -> ModuleType:
    """Return `scipy.special`, imported now: only what rises needs it, and it takes longer than a quiet scenario."""
    with _without_threads():
        import scipy.special  # not scipy.stats, which takes half a second

        return scipy.special


def prepare_special_functions() -> None:
    """Begin to import SciPy, for whoever waits for calls meanwhile: what has not stood still by now may well rise."""
    if _ALONE.is_set() and not _BEGUN.is_set():
        _BEGUN.set()
        Thread(target=special_functions, name="import of scipy.special").start()


@contextmanager
def _without_threads() -> Iterator[None]:
    """Have an OpenBLAS that is loaded meanwhile start no threads; what somebody has set is left as it is."""
    if not _ALONE.is_set() or _THREADS in os.environ:
        yield
        return
    # past os.environ, which another thread may be handing to a process that is to be measured
    os.putenv(_THREADS, "1")
    try:
        yield
    finally:
        os.unsetenv(_THREADS)
