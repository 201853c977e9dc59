"""Weigh a retention candidate: a forked copy of the process releases it and reads its own heap.

An estimate from object sizes would miss what is shared, and native memory. In the copy, descriptors are closed and an
audit hook refuses whatever would be visible outside, because the user's finalizers run there. Whatever happens, the
copy ends silently, and the measured process is unchanged.
"""

import ctypes
import faulthandler
import select
import struct
import sys
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

from leakcheck.probe.originals import BUILTINS, gc, os, signal

__builtins__ = BUILTINS

_ANSWER_FORMAT = struct.Struct("d")
_MAX_ROUNDS = 3  # any value from 2 to 10 does: a finalizer may make garbage for ever
_MAX_SECONDS = 5.0  # any value from 1 to 30 does: a copy that hangs is ended
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
            _weigh_in_child(release, new, heap, writer, is_mixed)
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return _read_answer(reader, min(seconds, _MAX_SECONDS))
    finally:
        os.close(reader)
        _kill(pid)


def _read_answer(reader: int, seconds: float) -> float | None:
    deadline = perf_counter() + seconds
    data = b""
    while len(data) < _ANSWER_FORMAT.size:
        seconds_left = deadline - perf_counter()
        # poll, not select: the descriptor may be above 1024
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        if seconds_left <= 0 or not poll.poll(seconds_left * 1000):
            return None
        chunk = os.read(reader, _ANSWER_FORMAT.size)
        if not chunk:
            return None
        data += chunk
    return float(_ANSWER_FORMAT.unpack(data)[0])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # the user's handler has already waited for it


def _weigh_in_child(release: Release, new: list[Any], heap: Callable[[], int], writer: int, is_mixed: bool) -> None:
    """Release, read the heap, and write the answer; runs in the forked copy."""
    _isolate(writer)
    callbacks = _take_callbacks()
    _freeze_old(new)
    new.clear()
    # empties the free lists too, in which a freed object would still be counted
    _collect()
    # counting the frozen ones visits each of them
    old_count, new_count = gc.get_freeze_count() if is_mixed else 0, len(gc.get_objects())
    before = heap()
    # back while nothing collects: they may be what is weighed
    gc.callbacks[:] = callbacks
    callbacks.clear()
    count = release()
    callbacks[:] = _take_callbacks()
    _collect()
    freed = before - heap()
    old_count, new_count = old_count - gc.get_freeze_count() if is_mixed else 0, new_count - len(gc.get_objects())
    # the age of untracked objects is unknown
    share = new_count / (max(0, old_count) + new_count) if new_count > 0 else None
    os.write(writer, _ANSWER_FORMAT.pack(count(freed, share)))


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


def _freeze_old(new: list[Any]) -> None:
    """Freeze all but the new objects: collecting millions takes seconds, and a copy of each of their pages.

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
    tracked = set(map(id, filter(gc.is_tracked, new))).union(map(id, youngest))
    tracked.discard(id(youngest))
    for object_id in tracked:
        untrack(object_id)
    gc.freeze()
    for object_id in tracked:
        track(object_id)


def _collect() -> None:
    for _ in range(_MAX_ROUNDS):
        if not gc.collect():
            break
