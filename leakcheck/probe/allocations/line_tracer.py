"""Trace by line: read malloc's counters before and after every line, for memory that no other tracer sees.

C code called through ctypes, or a library that maps memory itself, bypasses memray and tracemalloc. The exact meters
see that memory but know no stack, so they are read whenever Python moves to another line, and the difference is charged
to the line that ran. This is expensive, and of Python's own memory it sees only blocks above 512 bytes.
"""

import sys
from collections.abc import Callable, Hashable, Iterator
from types import CodeType, FrameType
from typing import Any, Generic, TypeVar

from leakcheck.probe.allocations.stacks import PACKAGE, Run, StackHolding, python_frames, truncate_stack
from leakcheck.probe.meters.memory import mallinfo2_function
from leakcheck.probe.meters.settle import freeze_heap
from leakcheck.probe.originals import BUILTINS, gc, os

__builtins__ = BUILTINS

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UNTRACED = (PACKAGE, "<frozen importlib")
_MAX_DEPTH = 60  # any value from 40 to 200 does: only the innermost forty are shown

_Stack = tuple[tuple[CodeType, int], ...]


def _reader(*, mapped: bool) -> Callable[[], int]:
    """Return a reader of malloc's live bytes; with `mapped`, plus everything mapped outside its heap.

    The latter reads the size of the address space, not the resident pages: those rise only when memory is first written
    to, whereas the line to report is the one that mapped it. Raises AttributeError where the C library has no meter.
    """
    mallinfo2 = mallinfo2_function()

    def read() -> int:
        info = mallinfo2()
        live: int = info.uordblks + info.hblkhd
        return live

    def read_mapped() -> int:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
        try:
            address_space = int(os.read(descriptor, 128).split()[0]) * _PAGE_BYTES
        finally:
            os.close(descriptor)
        info = mallinfo2()
        live: int = address_space - info.arena + info.uordblks
        return live

    return read_mapped if mapped else read


class LineTracer:
    """Charge changes of malloc's live bytes to source lines."""

    def __init__(self) -> None:
        _reader(mapped=False)  # fail now if there is no such meter

    def warm_up(self, run: Run, calls: int) -> None:
        """Replay under the tracer and discard the result."""
        _Charges(_reader(mapped=False)).replay(run, calls)

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[StackHolding]:
        """Return the net change that each line made, with the stack that led to it."""
        charges = _Charges(_reader(mapped=mapped))
        charges.replay(run, calls)
        holdings = [StackHolding((), charges.balance.untraced_bytes, 0)]
        for stack, change, blocks in charges.balance.net_changes():
            frames = python_frames((code.co_name, code.co_filename, line) for code, line in stack)
            holdings.append(StackHolding(truncate_stack(frames), change, blocks, native=True))
        return holdings

    def stop(self) -> None:
        """Do nothing: the tracer is on during a replay alone."""


class _Charges:
    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._last = 0
        # the line that is running: its frame, and its line number when it started
        self._frame: FrameType | None = None
        self._line = 0
        self.balance: LineBalance[_Stack] = LineBalance()

    def replay(self, run: Run, calls: int) -> None:
        """Replay under the tracer. Collect garbage after each call, so that losses can be matched to gains."""
        freeze_heap()
        self._last = self._read()
        sys.settrace(self._enter)
        try:
            for _ in range(calls):
                run(1)
                gc.collect(0)  # youngest generation only: a full collection would visit all that leaked before
        finally:
            sys.settrace(None)
            self._charge()
            self._frame = None

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """Handle a `call` event: what was allocated until now belongs to the calling line."""
        self._charge()
        is_traced = not frame.f_code.co_filename.startswith(_UNTRACED)
        if is_traced:
            self._frame, self._line = frame, frame.f_lineno or 0
        # last: what was allocated in this function is charged to no line
        self._last = self._read()
        return self._step if is_traced else None

    def _step(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        """Handle a `line` or `return` event; after a return the caller's line is running again."""
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
        """Return the stack of the running line; None between calls."""
        if self._frame is None:
            return None
        stack = [(self._frame.f_code, self._line)]
        frame = self._frame.f_back
        while frame is not None and len(stack) < _MAX_DEPTH:
            if not frame.f_code.co_filename.startswith(PACKAGE):
                stack.append((frame.f_code, frame.f_lineno or 0))
            frame = frame.f_back
        return tuple(stack)


_MAX_SUMMED = 9  # any value from 4 to 12 does: one more doubles the sums, and a call has few gains open
"""How many of the latest gains are searched for a matching sum: among so many there are 512 subsets."""

Key = TypeVar("Key", bound=Hashable)


class LineBalance(Generic[Key]):
    """Gains and losses by key; None stands for changes outside any traced line."""

    def __init__(self) -> None:
        self._net: dict[Key | None, list[int]] = {}
        self._open: list[tuple[int, Key | None]] = []
        """Gains not yet matched by a loss, oldest first."""

    def charge(self, key: Key | None, change: int) -> None:
        """Book a gain under its key, and a loss under the keys of the gains that it matches, else under its own."""
        if change > 0:
            self._book(key, change, 1)
            self._open.append((change, key))
            return
        matching = self._exact_match(-change) or self._sum_match(-change)
        for index in sorted(matching, reverse=True):
            gain, gain_key = self._open.pop(index)
            self._book(gain_key, -gain, -1)
        if not matching:
            self._book(key, change, 0)

    @property
    def untraced_bytes(self) -> int:
        """Net change in bytes outside any traced line."""
        return self._net.get(None, [0, 0])[0]

    def net_changes(self) -> Iterator[tuple[Key, int, int]]:
        """Yield each key with a net change, the change in bytes and the change in blocks."""
        for key, (change, blocks) in self._net.items():
            if change and key is not None:
                yield key, change, blocks

    def _book(self, key: Key | None, change: int, blocks: int) -> None:
        entry = self._net.setdefault(key, [0, 0])
        entry[0] += change
        entry[1] += blocks

    def _exact_match(self, size: int) -> list[int]:
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == size:
                return [index]
        return []

    def _sum_match(self, size: int) -> list[int]:
        """Return indices of the latest gains that add up to this size; none if no subset of the latest few does."""
        sums: dict[int, list[int]] = {0: []}
        for index in range(len(self._open) - 1, max(len(self._open) - 1 - _MAX_SUMMED, -1), -1):
            for total, chosen in list(sums.items()):
                new_total = total + self._open[index][0]
                if new_total == size:
                    return [*chosen, index]
                if new_total < size:
                    sums.setdefault(new_total, [*chosen, index])
        return []
