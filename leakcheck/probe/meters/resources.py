"""What is counted beside memory: open files, threads, children, asyncio tasks, uncollectable objects.

Counts are exact. A count allocates nothing that stays, and nothing whose size depends on it: malloc would
keep it in its thread cache and count it as in use. None of the user's code is run.
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

_CHUNK_BYTES = 4096
_TRIES = 3
MAIN_ALONE = 1


def open_files() -> Read | None:
    """Return a reader of the number of open descriptors, or None without a /proc."""
    if not is_there("/proc/self/fd"):
        return None

    def read() -> int:
        # no list of them: one that is longer each time is a trace in malloc
        with os.scandir("/proc/self/fd") as entries:
            return sum(1 for _ in entries) - 1  # the listing opens one itself

    return read


def threads() -> Read:
    """Return a reader of the number of threads, those that Python does not know of included where /proc tells."""
    if not is_there("/proc/self/task"):
        return threading.active_count
    return lambda: os.stat("/proc/self/task").st_nlink - 2


def children() -> Read | None:
    """Return a reader of the number of child processes, zombies included; None where the kernel does not list them."""
    if not is_there(f"/proc/self/task/{os.getpid()}/children"):
        return None
    # full size now: a list of pids that is longer each time would be a trace in malloc
    buffer = bytearray(_CHUNK_BYTES)
    buffers = [buffer]
    count_threads = threads()

    def of_thread(thread: str) -> int:
        try:
            descriptor = os.open(f"/proc/self/task/{thread}/children", os.O_RDONLY)
        except OSError:
            return 0  # it has ended meanwhile
        found = 0
        try:
            while size := os.readv(descriptor, buffers):
                found += buffer.count(b" ", 0, size)
        except OSError:
            pass
        finally:
            os.close(descriptor)
        return found

    def read() -> int:
        # a child belongs to the thread that started it
        if count_threads() == MAIN_ALONE:
            return of_thread(str(os.getpid()))
        with os.scandir("/proc/self/task") as entries:
            return sum(of_thread(entry.name) for entry in entries)

    return read


def largest_child_bytes() -> int:
    """Return the most resident memory that a child had which has ended; 0 where none has, or nobody can tell."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


def tasks() -> Read:
    """Return a reader of the number of asyncio tasks that are not done; it says 0 until asyncio is loaded."""

    def read() -> int:
        module = sys.modules.get("asyncio.tasks")
        if module is None:
            return 0
        for _ in range(_TRIES):
            try:
                return sum(1 for task in all_tasks(module) if is_pending(task))
            except RuntimeError:
                continue  # another thread made one meanwhile
        return 0

    return read


def all_tasks(module: Any) -> Any:
    """Yield every task there is, of all loops and threads, from `asyncio.tasks`'s own table."""
    # 3.12 renamed it; and not `asyncio.all_tasks`, which makes lists and sets
    table = vars(module).get("_scheduled_tasks") or vars(module).get("_all_tasks")
    for reference in getattr(table, "data", ()):
        task = reference()
        if task is not None:
            yield task


def is_pending(task: Any) -> bool:
    """Tell whether a task is not done, by asyncio's own function: a class of the user's may have a `done`."""
    accelerated = sys.modules.get("_asyncio")
    for future in (getattr(accelerated, "Future", None), vars(sys.modules["asyncio.futures"]).get("_PyFuture")):
        if future is not None and issubclass(type(task), future):
            return not future.done(task)
    return True


def uncollectable() -> Read:
    """Return a reader of the number of objects that the collector gave up on."""
    return lambda: len(gc.garbage)
