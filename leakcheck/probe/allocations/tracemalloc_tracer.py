"""The tracer that every Python has: tracemalloc. It sees what went through Python's allocators, frees too."""

import ast
import linecache
import tracemalloc
from collections import Counter
from functools import lru_cache
from typing import Any

from leakcheck.probe.allocations.frame_origin import PACKAGE, kind_of
from leakcheck.probe.allocations.stacks import FrameLine, Run, StackHolding, held_bytes, shortened
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS


_FRAMES = 25
_CALLERS = ("load.py", "allocations.py")
"""Our modules that call the user's code; what is allocated under another of ours is ours."""

_Stack = tuple[tuple[str, int], ...]


class TracemallocTracer:
    """Live bytes by traceback, read at each window's end; a window is the change since the reading before."""

    def __init__(self) -> None:
        self._bytes: Counter[_Stack] = Counter()
        self._blocks: Counter[_Stack] = Counter()

    def warm_up(self, run: Run, calls: int) -> None:
        """Begin to trace, replay, and take the first reading."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(_FRAMES)
        run(calls)
        self._bytes, self._blocks = _read()

    def window(self, run: Run, calls: int, *, mapped: bool) -> list[StackHolding]:
        """Return the change of each traceback's live bytes; negative where it held more before."""
        run(calls)
        held, blocks = _read()
        changed = [stack for stack in {**held, **self._bytes} if held[stack] != self._bytes[stack]]
        found = [
            StackHolding(places, held[stack] - self._bytes[stack], blocks[stack] - self._blocks[stack])
            for stack in changed
            if (places := _places(stack))
        ]
        self._bytes, self._blocks = held, blocks
        return found

    def stop(self) -> None:
        """Trace no longer."""
        tracemalloc.stop()


def _read() -> tuple[Counter[_Stack], Counter[_Stack]]:
    settle()
    held: Counter[_Stack] = Counter()
    blocks: Counter[_Stack] = Counter()
    # block by block: a list's table and its entries come from one line, and a mean of both would be neither's.
    # _traces are the bare tuples; the objects that the public iteration makes of them take ten times as long
    traces: Any = tracemalloc.take_snapshot().traces
    for _, size, stack, *_ in traces._traces:
        held[stack] += int(held_bytes(size, 1, pymalloc=True))
        blocks[stack] += 1
    return held, blocks


def _places(stack: _Stack) -> tuple[FrameLine, ...]:
    """Return the places of a traceback, innermost first; none for what we allocated ourselves.

    Its frames have no functions: the source tells them.
    """
    ours = next((file for file, _ in stack if file.startswith(PACKAGE)), None)
    if ours is not None and not ours.endswith(_CALLERS):
        return ()
    known = [(file, line, kind) for file, line in stack if (kind := kind_of(file)) is not None]
    return shortened([FrameLine(function_at(file, line), file, line, kind) for file, line, kind in known])


def function_at(file: str, line: int) -> str:
    """Return the name of the innermost function that holds a line; `<module>` outside all, "" for no readable file."""
    spans = _functions(file)
    if spans is None:
        return ""
    around = [(begin, name) for begin, end, name in spans if begin <= line <= end]
    return max(around)[1] if around else "<module>"


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
