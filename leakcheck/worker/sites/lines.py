"""The tracer for what no other sees: malloc's own count, read at every line.

C code that is called through ctypes, or a library that maps memory, passes memray and tracemalloc
by. The exact meters see it but know no stack. So they are read whenever Python moves to another
line, and the difference is charged to the line that ran. It is dear, and of Python's memory it sees
blocks above 512 bytes alone.
"""

import ctypes
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from leakcheck.worker.own import BUILTINS, gc, os
from leakcheck.worker.settle import set_aside
from leakcheck.worker.sites.balance import Balance
from leakcheck.worker.sites.stacks import Holding, Run, python_places, shortened
from leakcheck.worker.sites.whose import PACKAGE

__builtins__ = BUILTINS

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UNTRACED = (PACKAGE, "<frozen importlib")
_MOST_DEPTH = 60

_Stack = tuple[tuple[CodeType, int], ...]


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _malloc_reader() -> Callable[[], int]:
    """Return a reader of malloc's live bytes. Raises AttributeError where the C library has no such meter."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    mallinfo2.argtypes = []

    def read() -> int:
        info = mallinfo2()
        live: int = info.uordblks + info.hblkhd
        return live

    return read


def _mapped_reader() -> Callable[[], int]:
    """Return a reader of malloc's live bytes and all that is mapped beside its heap.

    It is the size of the address space that is read: the resident pages rise where memory is first
    written to, and the line to name is the one that mapped it.
    """
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    mallinfo2.argtypes = []

    def read() -> int:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
        try:
            mapped = int(os.read(descriptor, 128).split()[0]) * _PAGE_BYTES
        finally:
            os.close(descriptor)
        info = mallinfo2()
        live: int = mapped - info.arena + info.uordblks
        return live

    return read


class Lines:
    """A line tracer over the exact meters."""

    def __init__(self) -> None:
        _malloc_reader()  # say at once that there is none

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay under the tracer and forget what it says."""
        _Charges(_malloc_reader()).replay(run, calls)

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[Holding]:
        """Return the net change that each line made, with the stack that led to it."""
        charges = _Charges(_mapped_reader() if mapped else _malloc_reader())
        charges.replay(run, calls)
        found = [Holding((), charges.balance.unplaced, 0)]
        for stack, change, blocks in charges.balance.left():
            places = python_places((code.co_name, code.co_filename, line) for code, line in stack)
            found.append(Holding(shortened(places), change, blocks, native=True))
        return found

    def stop(self) -> None:
        """Do nothing: the tracer is on during a replay alone."""


class _Charges:
    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._last = 0
        # the line that is running: its frame, and its number when it began
        self._frame: FrameType | None = None
        self._line = 0
        self.balance: Balance[_Stack] = Balance()

    def replay(self, run: Run, calls: int) -> None:
        """Replay under the tracer. Garbage is collected after each call, so that its bytes can be paired off."""
        set_aside()
        self._last = self._read()
        sys.settrace(self._enter)
        try:
            for _ in range(calls):
                run(1)
                gc.collect(0)  # the youngest: a whole collection would look at all that leaked before
        finally:
            sys.settrace(None)
            self._charge()
            self._frame = None

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """Take a frame's beginning: what was allocated until now is the calling line's."""
        self._charge()
        watched = not frame.f_code.co_filename.startswith(_UNTRACED)
        if watched:
            self._frame, self._line = frame, frame.f_lineno or 0
        # last of all: what was allocated in here is nobody's
        self._last = self._read()
        return self._step if watched else None

    def _step(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        """Take a frame's next line, or its end: then the caller's line goes on."""
        self._charge()
        running = frame.f_back if event == "return" else frame
        if running is None or running.f_code.co_filename.startswith(PACKAGE):
            self._frame = None
        else:
            self._frame, self._line = running, running.f_lineno or 0
        self._last = self._read()
        return self._step

    def _charge(self) -> None:
        change = self._read() - self._last
        if change:
            self.balance.charge(self._stack(), change)

    def _stack(self) -> _Stack | None:
        """Return the stack of the line that ran; None between calls."""
        if self._frame is None:
            return None
        stack = [(self._frame.f_code, self._line)]
        frame = self._frame.f_back
        while frame is not None and len(stack) < _MOST_DEPTH:
            if not frame.f_code.co_filename.startswith(PACKAGE):
                stack.append((frame.f_code, frame.f_lineno or 0))
            frame = frame.f_back
        return tuple(stack)
