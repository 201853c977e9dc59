"""Trace with tracemalloc, which every Python has: it sees Python's allocators only, frees included."""

import ast
import linecache
import tracemalloc
from collections import Counter
from functools import lru_cache
from typing import Any

from leakcheck.probe.allocations.stacks import (
    PACKAGE,
    FrameLine,
    Run,
    StackHolding,
    frame_kind,
    held_bytes,
    truncate_stack,
)
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_FRAMES = 25  # any value from 10 to 100 does: enough to reach a line of the user's
_CALLING_MODULES = ("load.py", "allocations.py")
"""leakcheck's modules that call the user's code; allocations under any other module of leakcheck are its own."""

_Stack = tuple[tuple[str, int], ...]


class TracemallocTracer:
    """Read live bytes by traceback at each window's end; a window is the change since the previous reading."""

    def __init__(self) -> None:
        self._bytes: Counter[_Stack] = Counter()
        self._blocks: Counter[_Stack] = Counter()

    def warm_up(self, run: Run, calls: int) -> None:
        """Start tracing, replay, and take the first reading."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(_FRAMES)
        run(calls)
        self._bytes, self._blocks = _read()

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[StackHolding]:
        """Return the change of each traceback's live bytes; negative where it held more before."""
        run(calls)
        held, blocks = _read()
        changed = [stack for stack in {**held, **self._bytes} if held[stack] != self._bytes[stack]]
        holdings = [
            StackHolding(frames, held[stack] - self._bytes[stack], blocks[stack] - self._blocks[stack])
            for stack in changed
            if (frames := _frames_of(stack))
        ]
        self._bytes, self._blocks = held, blocks
        return holdings

    def stop(self) -> None:
        """Stop tracing."""
        tracemalloc.stop()


def _read() -> tuple[Counter[_Stack], Counter[_Stack]]:
    settle()
    held: Counter[_Stack] = Counter()
    blocks: Counter[_Stack] = Counter()
    # block by block: a list's table and its entries come from one line, and a mean would fit neither. _traces are the
    # raw tuples; the objects that the public iteration makes of them take ten times as long
    traces: Any = tracemalloc.take_snapshot().traces
    for _, size, stack, *_ in traces._traces:
        held[stack] += int(held_bytes(size, 1, pymalloc=True))
        blocks[stack] += 1
    return held, blocks


def _frames_of(stack: _Stack) -> tuple[FrameLine, ...]:
    """Return the frames of a traceback, innermost first; none for leakcheck's own allocations.

    tracemalloc's frames have no function name, so it is looked up in the source.
    """
    own_file = next((file for file, _ in stack if file.startswith(PACKAGE)), None)
    if own_file is not None and not own_file.endswith(_CALLING_MODULES):
        return ()
    shown = [(file, line, kind) for file, line in stack if (kind := frame_kind(file)) is not None]
    return truncate_stack([FrameLine(function_at(file, line), file, line, kind) for file, line, kind in shown])


def function_at(file: str, line: int) -> str:
    """Return the name of the innermost function around a line; `<module>` outside all, "" for an unreadable file."""
    spans = _functions(file)
    if spans is None:
        return ""
    enclosing = [(start, name) for start, end, name in spans if start <= line <= end]
    return max(enclosing)[1] if enclosing else "<module>"


@lru_cache(maxsize=256)
def _functions(file: str) -> list[tuple[int, int, str]] | None:
    lines = linecache.getlines(file)
    if not lines:
        return None
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return None
    return [
        (node.lineno, node.end_lineno or node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
