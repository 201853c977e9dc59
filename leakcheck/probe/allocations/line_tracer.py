"""The tracer for what no other sees: malloc's own count, read at every line.

C code that is called through ctypes, or a library that maps memory, passes memray and tracemalloc
by. The exact meters see it but know no stack. So they are read whenever Python moves to another
line, and the difference is charged to the line that ran. It is dear, and of Python's memory it sees
blocks above 512 bytes alone.
"""

import ctypes
import sys
from collections.abc import Callable, Hashable, Iterator
from types import CodeType, FrameType
from typing import Any, Generic, TypeVar

from leakcheck.probe.allocations.frame_origin import PACKAGE
from leakcheck.probe.allocations.stacks import Run, StackHolding, python_places, shortened
from leakcheck.probe.meters.settle import set_aside
from leakcheck.probe.originals import BUILTINS, gc, os

__builtins__ = BUILTINS


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UNTRACED = (PACKAGE, "<frozen importlib")
_MOST_DEPTH = 60

_Stack = tuple[tuple[CodeType, int], ...]


class _MallocInfo(ctypes.Structure):
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
    mallinfo2.restype = _MallocInfo
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
    mallinfo2.restype = _MallocInfo
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


class LineTracer:
    """A line tracer over the exact meters."""

    def __init__(self) -> None:
        _malloc_reader()  # say at once that there is none

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay under the tracer and forget what it says."""
        _Charges(_malloc_reader()).replay(run, calls)

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[StackHolding]:
        """Return the net change that each line made, with the stack that led to it."""
        charges = _Charges(_mapped_reader() if mapped else _malloc_reader())
        charges.replay(run, calls)
        found = [StackHolding((), charges.balance.unplaced, 0)]
        for stack, change, blocks in charges.balance.left():
            places = python_places((code.co_name, code.co_filename, line) for code, line in stack)
            found.append(StackHolding(shortened(places), change, blocks, native=True))
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
        self.balance: LineBalance[_Stack] = LineBalance()

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


_MOST_TOGETHER = 9
"""Gains among which a sum is looked for: all ways to choose among so many are 512."""

Key = TypeVar("Key", bound=Hashable)


class LineBalance(Generic[Key]):
    """Gains and losses by key; None is a key that nobody is to be shown."""

    def __init__(self) -> None:
        self._net: dict[Key | None, list[int]] = {}
        self._open: list[tuple[int, Key | None]] = []
        """Gains that no loss has taken back yet, oldest first."""

    def charge(self, key: Key | None, change: int) -> None:
        """Book a gain under its key; a loss under the keys of the gains that it takes back, else under its own."""
        if change > 0:
            self._book(key, change, 1)
            self._open.append((change, key))
            return
        taken_back = self._same(-change) or self._sum(-change)
        for at in sorted(taken_back, reverse=True):
            gain, where = self._open.pop(at)
            self._book(where, -gain, -1)
        if not taken_back:
            self._book(key, change, 0)

    @property
    def unplaced(self) -> int:
        """The change that no key stands for."""
        return self._net.get(None, [0, 0])[0]

    def left(self) -> Iterator[tuple[Key, int, int]]:
        """Yield each key whose bytes changed, with the change in bytes and in blocks."""
        for key, (change, blocks) in self._net.items():
            if change and key is not None:
                yield key, change, blocks

    def _book(self, key: Key | None, change: int, blocks: int) -> None:
        entry = self._net.setdefault(key, [0, 0])
        entry[0] += change
        entry[1] += blocks

    def _same(self, size: int) -> list[int]:
        """Return the latest gain of exactly this size."""
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at][0] == size:
                return [at]
        return []

    def _sum(self, size: int) -> list[int]:
        """Return the latest gains that add up to this size; none where no choice of the latest few does."""
        sums: dict[int, list[int]] = {0: []}
        for at in range(len(self._open) - 1, max(len(self._open) - 1 - _MOST_TOGETHER, -1), -1):
            for total, chosen in list(sums.items()):
                with_it = total + self._open[at][0]
                if with_it == size:
                    return [*chosen, at]
                if with_it < size:
                    sums.setdefault(with_it, [*chosen, at])
        return []
