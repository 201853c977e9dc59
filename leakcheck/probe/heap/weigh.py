"""Weigh what a holder explains: a forked copy of the process lets go of it, and reads its own heap.

An estimate from object sizes would miss what is shared, and miss native memory. The copy has no
hands: its descriptors are closed and an audit hook refuses whatever would be seen outside, because
finalizers of the user's run in it. Whatever happens there, it ends silently, and the process that
is measured has not changed.
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

_ANSWER = struct.Struct("d")
_MOST_ROUNDS = 3
_MOST_SECONDS = 5.0
_OUTWARD = frozenset(
    {
        *("os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.mkdir", "os.kill"),
        *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.putenv", "os.chmod", "os.utime"),
        *("shutil.rmtree", "shutil.move", "shutil.copyfile", "subprocess.Popen", "signal.pthread_kill"),
        *("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "open", "sqlite3.connect"),
    }
)
"""Audit events of what reaches out of a process."""


LetGo = Callable[[], Callable[[int, float | None], float]]
"""Lets go, and returns what tells how many of the bytes set free count, given the share of the objects that are new."""


def weigh(
    let_go: LetGo, new: list[Any], heap: Callable[[], int], seconds: float, *, is_mixed: bool = True
) -> float | None:
    """Return the bytes that a forked copy frees by letting go, those that count; None where it came to nothing in time.

    `new` are the objects that the calls have left: only among them may there be cycles to collect. Where
    `is_mixed`, old objects may become free as well, and are counted.
    """
    if seconds <= 0:
        return None
    reader, writer = os.pipe()
    try:
        with warnings.catch_warnings():
            # other threads are not in the copy, and it asks nothing of them
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return None
    if pid == 0:
        try:
            _answer(let_go, new, heap, writer, is_mixed)
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return _listen(reader, min(seconds, _MOST_SECONDS))
    finally:
        os.close(reader)
        _end(pid)


def _listen(reader: int, seconds: float) -> float | None:
    deadline = perf_counter() + seconds
    data = b""
    while len(data) < _ANSWER.size:
        left = deadline - perf_counter()
        # poll, not select: the number may be above 1024
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        if left <= 0 or not poll.poll(left * 1000):
            return None
        part = os.read(reader, _ANSWER.size)
        if not part:
            return None
        data += part
    return float(_ANSWER.unpack(data)[0])


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # a handler of the user's has taken the news


def _answer(let_go: LetGo, new: list[Any], heap: Callable[[], int], writer: int, is_mixed: bool) -> None:
    """Let go, read, and write the answer: all this in the copy."""
    _tie_hands(writer)
    callbacks = _set_callbacks_aside()
    _set_old_aside(new)
    new.clear()
    # empties the free lists too, in which an object would go on being counted
    _collect()
    # counting the old ones takes a look at each
    old, young = gc.get_freeze_count() if is_mixed else 0, len(gc.get_objects())
    full = heap()
    # back for as long as nobody collects: they may be what is weighed
    gc.callbacks[:] = callbacks
    callbacks.clear()
    count = let_go()
    callbacks[:] = _set_callbacks_aside()
    _collect()
    freed = full - heap()
    old, young = old - gc.get_freeze_count() if is_mixed else 0, young - len(gc.get_objects())
    # of what the collector does not track nobody knows how old it was
    share = young / (max(0, old) + young) if young > 0 else None
    os.write(writer, _ANSWER.pack(count(freed, share)))


def _tie_hands(writer: int) -> None:
    faulthandler.disable()
    # an unfinished line of a shared buffer, or a farewell to a database, must go nowhere
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.closerange(3, writer)
    os.closerange(writer + 1, 1 << 16)

    def refuse(event: str, arguments: object) -> None:
        if event in _OUTWARD:
            raise PermissionError(event)

    sys.addaudithook(refuse)


def _set_callbacks_aside() -> list[Any]:
    """Return what the collector calls at each collection, and take it from it: that is code of the user's."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    return callbacks


def _set_old_aside(new: list[Any]) -> None:
    """Freeze all but the new objects: a collection of millions takes seconds, and a copy of each of their pages.

    With the youngest, which the search itself has made: an object's dictionary comes into being when
    somebody looks at its attributes.
    """
    api = ctypes.pythonapi
    untrack, track = api.PyObject_GC_UnTrack, api.PyObject_GC_Track
    # as an address: of an object ctypes would ask for an attribute
    untrack.argtypes = track.argtypes = [ctypes.c_void_p]
    untrack.restype = track.restype = None
    youngest = gc.get_objects(generation=0)
    # each once: what is tracked twice is a fatal error
    tracked = set(map(id, filter(gc.is_tracked, new))).union(map(id, youngest))
    tracked.discard(id(youngest))
    for one in tracked:
        untrack(one)
    gc.freeze()
    for one in tracked:
        track(one)


def _collect() -> None:
    for _ in range(_MOST_ROUNDS):
        if not gc.collect():
            break
