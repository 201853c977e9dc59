"""Count and name the child processes, zombies included."""

import sys

from leakcheck.probe.meters.counted import Labels, Read, threads
from leakcheck.probe.meters.resource_labels import read_text
from leakcheck.probe.originals import BUILTINS, is_there, os, resource

__builtins__ = BUILTINS

_CHUNK_BYTES = 4096  # any value from 1024 to 65536 does: longer lists are read in pieces


def reader() -> Read | None:
    """Return a reader of the number of child processes; None if the kernel does not list them."""
    if not is_there(f"/proc/self/task/{os.getpid()}/children"):
        return None
    # full size now: a list of pids that gets longer each time would show up in malloc's bytes
    buffer = bytearray(_CHUNK_BYTES)
    buffers = [buffer]
    count_threads = threads.reader()

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
        if count_threads() == threads.MAIN_ALONE:
            return of_thread(str(os.getpid()))
        with os.scandir("/proc/self/task") as entries:
            return sum(of_thread(entry.name) for entry in entries)

    return read


def labels() -> Labels:
    """Yield each by its command and whether it has ended."""
    for thread in os.listdir("/proc/self/task"):
        for pid in read_text(f"/proc/self/task/{thread}/children").split():
            yield pid, _describe_child(pid)


def _describe_child(pid: str) -> str:
    # the name is in parentheses, and may contain some itself
    name, _, rest = read_text(f"/proc/{pid}/stat").partition("(")[2].rpartition(")")
    command = read_text(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    is_zombie = rest.split()[:1] == ["Z"]
    return f"{command or name} ({'ended, and never waited for' if is_zombie else 'still runs'})"


def peak_child_bytes() -> int:
    """Return the peak resident memory of the largest child that has ended; 0 if there is none, or on Windows."""
    if resource is None:
        return 0
    peak: int = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
