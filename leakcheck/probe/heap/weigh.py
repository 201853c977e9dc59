"""Weigh what retains memory: a forked copy of the process releases it and reads its own heap.

An estimate from object sizes would miss what is shared, and native memory. In the copy, descriptors are closed and an
audit hook refuses whatever would be visible outside, because the user's finalizers run there. Whatever happens, the
copy ends silently, and the measured process is unchanged.
"""

import ctypes
import faulthandler
import select
import sys
import warnings
from array import array
from collections.abc import Callable, Iterable
from typing import Any

from leakcheck.probe.heap.introspect import namespace
from leakcheck.probe.meters.settle import collect_garbage
from leakcheck.probe.originals import BUILTINS, gc, os, signal

__builtins__ = BUILTINS

_MAX_SECONDS = 5.0  # any value from 1 to 30 does: a copy that hangs is ended
_MAX_RETAINED = 500_000  # any value from 100,000 to 1,000,000 does: beyond it the copy collects its whole heap
_BATCH = 100  # any value from 1 to 10,000 does: objects asked at once for what they refer to
_REFUSED_EVENTS = frozenset(
    {
        *("os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.mkdir", "os.kill"),
        *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.putenv", "os.chmod", "os.utime"),
        *("shutil.rmtree", "shutil.move", "shutil.copyfile", "subprocess.Popen", "signal.pthread_kill"),
        *("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "open", "sqlite3.connect"),
    }
)
"""Audit events of operations that are visible outside the process."""


Release = Callable[[], Callable[[int, float | None], float]]
"""Releases something, and returns a function of the bytes freed and the share of the freed objects that are new, which
returns how many of the bytes count.
"""


def weigh(
    release: Release, new: list[Any], heap: Callable[[], int], seconds: float, *, is_mixed: bool = True
) -> float | None:
    """Return the bytes that count of those that a forked copy frees by releasing; None if it gave no result in time.

    `new` are the objects that the calls have left: only they may form cycles to be collected. If `is_mixed`, old
    objects may be freed as well, and are counted.
    """
    freed = in_copy(lambda: [_freed_bytes(release, new, heap, is_mixed)], 1, min(seconds, _MAX_SECONDS))
    return None if freed is None else freed[0]


def in_copy(measure: Callable[[], Iterable[float]], count: int, seconds: float) -> list[float] | None:
    """Run a function in a forked copy of this process, and return the `count` numbers that it returned there.

    None if the process cannot be forked, or if the copy gave no answer in time.
    """
    if seconds <= 0:
        return None
    reader, writer = os.pipe()
    try:
        with warnings.catch_warnings():
            # other threads are not in the copy, and it needs nothing of them
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return None
    if pid == 0:
        try:
            _isolate(writer)
            os.write(writer, array("d", measure()).tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return _read_answer(reader, count, seconds)
    finally:
        os.close(reader)
        _kill(pid)


def _read_answer(reader: int, count: int, seconds: float) -> list[float] | None:
    answer: array[float] = array("d")
    size = count * answer.itemsize
    # poll, not select: the descriptor may be above 1024
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    # written at once: it is shorter than the 4 KiB that a pipe takes undivided
    data = os.read(reader, size) if poll.poll(seconds * 1000) else b""
    if len(data) < size:
        return None
    answer.frombytes(data)
    return answer.tolist()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # the user's handler has already waited for it


def _freed_bytes(release: Release, new: list[Any], heap: Callable[[], int], is_mixed: bool) -> float:
    """Release, and return the bytes freed that count; runs in the forked copy."""
    callbacks = _take_callbacks()
    freeze_all_but(new)
    new.clear()
    # empties the free lists too, in which a freed object would still be counted
    collect_garbage()
    # counting the frozen ones visits each of them
    old_count, new_count = gc.get_freeze_count() if is_mixed else 0, len(gc.get_objects())
    before = heap()
    # back while nothing collects: they may be what is weighed
    gc.callbacks[:] = callbacks
    callbacks.clear()
    count = release()
    callbacks[:] = _take_callbacks()
    collect_garbage()
    freed = before - heap()
    old_count, new_count = old_count - gc.get_freeze_count() if is_mixed else 0, new_count - len(gc.get_objects())
    # the age of untracked objects is unknown
    share = new_count / (max(0, old_count) + new_count) if new_count > 0 else None
    return count(freed, share)


def _isolate(writer: int) -> None:
    faulthandler.disable()
    # an unfinished line of a shared buffer, or a goodbye to a database, must go nowhere
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.closerange(3, writer)
    os.closerange(writer + 1, 1 << 16)

    def refuse(event: str, arguments: object) -> None:
        if event in _REFUSED_EVENTS:
            raise PermissionError(event)

    sys.addaudithook(refuse)


def _take_callbacks() -> list[Any]:
    """Remove and return the callbacks of the collector, which are the user's code."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    return callbacks


def freeze_all_but(objects: Iterable[object]) -> None:
    """Freeze the rest of the heap: collecting millions takes seconds, and a copy of each of their pages.

    Objects of the youngest generation, which the search itself has made, stay unfrozen as well: an object's dictionary
    is created when its attributes are first looked at.
    """
    api = ctypes.pythonapi
    untrack, track = api.PyObject_GC_UnTrack, api.PyObject_GC_Track
    # as an address: for an object ctypes would read an attribute
    untrack.argtypes = track.argtypes = [ctypes.c_void_p]
    untrack.restype = track.restype = None
    youngest = gc.get_objects(generation=0)
    # each once: tracking an object twice is a fatal error
    tracked = set(map(id, filter(gc.is_tracked, objects))).union(map(id, youngest))
    tracked.discard(id(youngest))
    for object_id in tracked:
        untrack(object_id)
    gc.freeze()
    for object_id in tracked:
        track(object_id)


def retained_by(containers: Iterable[object]) -> list[object] | None:
    """Return the tracked objects that the containers refer to, at any distance; None if these are too many to list.

    No module's variables are among them: whatever is reached through these stays when a container is emptied.
    """
    modules = {id(namespace(module)) for module in list(sys.modules.values())}
    retained: list[object] = []
    known = set(modules)
    todo = list(containers)
    while todo and len(retained) < _MAX_RETAINED:
        referents = gc.get_referents(*todo[-_BATCH:])
        del todo[-_BATCH:]
        for referent in filter(gc.is_tracked, referents):
            if id(referent) not in known:
                known.add(id(referent))
                retained.append(referent)
                todo.append(referent)
    return None if todo else retained
