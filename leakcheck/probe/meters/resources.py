"""Count what else can leak: open files, threads, child processes, asyncio tasks, uncollectable objects.

Counts are exact. A reading allocates nothing that stays, and nothing whose size depends on the count: malloc would keep
that block in its thread cache and count it as in use. No code of the user's is run.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

from leakcheck.probe.originals import BUILTINS, gc, is_there, os

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

__builtins__ = BUILTINS

Read = Callable[[], int]

_CHUNK_BYTES = 4096  # any value from 1024 to 65536 does: longer lists are read in pieces
_TRIES = 3  # any value from 2 to 10 does: a list that changes is read again
MAIN_ALONE = 1


def open_files() -> Read | None:
    """Return a reader of the number of open descriptors; None without a /proc."""
    if not is_there("/proc/self/fd"):
        return None

    def read() -> int:
        # no list of names: one that gets longer each time would show up in malloc's bytes
        with os.scandir("/proc/self/fd") as entries:
            return sum(1 for _ in entries) - 1  # the listing itself opens one

    return read


def threads() -> Read:
    """Return a reader of the number of threads; where there is a /proc, including those unknown to Python."""
    if not is_there("/proc/self/task"):
        return threading.active_count
    return lambda: os.stat("/proc/self/task").st_nlink - 2


def children() -> Read | None:
    """Return a reader of the number of child processes, zombies included; None if the kernel does not list them."""
    if not is_there(f"/proc/self/task/{os.getpid()}/children"):
        return None
    # full size now: a list of pids that gets longer each time would show up in malloc's bytes
    buffer = bytearray(_CHUNK_BYTES)
    buffers = [buffer]
    count_threads = threads()

    def of_thread(thread: str) -> int:
        try:
            descriptor = os.open(f"/proc/self/task/{thread}/children", os.O_RDONLY)
        except OSError:
            return 0  # it has ended meanwhile
        count = 0
        try:
            while size := os.readv(descriptor, buffers):
                count += buffer.count(b" ", 0, size)
        except OSError:
            pass
        finally:
            os.close(descriptor)
        return count

    def read() -> int:
        # a child belongs to the thread that started it
        if count_threads() == MAIN_ALONE:
            return of_thread(str(os.getpid()))
        with os.scandir("/proc/self/task") as entries:
            return sum(of_thread(entry.name) for entry in entries)

    return read


def peak_child_bytes() -> int:
    """Return the peak resident memory of the largest child that has ended; 0 if there is none, or on Windows."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


def tasks() -> Read:
    """Return a reader of the number of asyncio tasks that are not done; it returns 0 until asyncio is loaded."""

    def read() -> int:
        module = sys.modules.get("asyncio.tasks")
        if module is None:
            return 0
        for _ in range(_TRIES):
            try:
                return sum(1 for task in all_tasks(module) if is_pending(task))
            except RuntimeError:
                continue  # another thread created one meanwhile
        return 0

    return read


def all_tasks(module: Any) -> Any:
    """Yield every task of all loops and threads, from the table in `asyncio.tasks`."""
    # 3.12 renamed it; `asyncio.all_tasks` would build lists and sets
    table = vars(module).get("_scheduled_tasks") or vars(module).get("_all_tasks")
    for reference in getattr(table, "data", ()):
        task = reference()
        if task is not None:
            yield task


def is_pending(task: Any) -> bool:
    """Return whether a task is not done, asking asyncio's own function: the user's subclass may define `done`."""
    accelerated = sys.modules.get("_asyncio")
    for future in (getattr(accelerated, "Future", None), vars(sys.modules["asyncio.futures"]).get("_PyFuture")):
        if future is not None and issubclass(type(task), future):
            return not future.done(task)
    return True


def uncollectable() -> Read:
    """Return a reader of the number of objects that the collector could not free."""
    return lambda: len(gc.garbage)
