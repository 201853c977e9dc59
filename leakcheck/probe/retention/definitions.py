"""Find the user's line behind a callback or context variable: where the function is defined, or the variable set."""

import linecache
from collections import Counter
from collections.abc import Collection, Sequence
from contextvars import Context
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any

from leakcheck.probe.allocations.stacks import OWN, frame_kind
from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.path_steps import CODE, key_of
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_MAX_LEVELS, _MAX_VISITED = 4, 200  # any value from half to twice of each does: a callback is near its entry
_MIN_SHARE = 0.5
_MAX_FUNCTIONS = 20_000  # any value from 5000 to 100000 does: it costs time
_MAX_SOURCE = 200  # any value from 60 to 500 does: a line of code
_GLOBALS = FunctionType.__dict__["__globals__"]
_FUNCTION = MethodType.__dict__["__func__"]


def kept_function(entries: Sequence[Any], new: Collection[int]) -> dict[str, Any] | None:
    """Return the definition of the function that most entries retain, if it is the user's own; else None."""
    codes = [code for code in (_user_code(entry, new) for entry in entries) if code is not None]
    # by id: code objects that are equal may be different functions
    most_common = Counter(map(id, codes)).most_common(1)
    if not most_common or most_common[0][1] < _MIN_SHARE * len(entries):
        return None
    code = next(code for code in codes if id(code) == most_common[0][0])
    return _frame(code, code.co_firstlineno)


def set_at(context: Context, value: object, functions: Sequence[Any]) -> dict[str, Any] | None:
    """Return the user's line that sets a value's context variable; None if no function has such a line."""
    variable = next((var for var, current in Context.items(context) if current is value), None)
    if variable is None:
        return None
    for function in functions[:_MAX_FUNCTIONS]:
        code = CODE.__get__(function)
        if "set" in _names(code) and frame_kind(code.co_filename) == OWN:
            name = key_of(_GLOBALS.__get__(function), variable)
            line = None if type(name) is not str else _line_with_set(code, name)
            if line is not None:
                return _frame(*line)
    return None


def _user_code(entry: Any, new: Collection[int]) -> CodeType | None:
    """Return the code of the first function of the user's that an entry leads to within a few steps."""
    visited: set[int] = set()
    frontier = [entry]
    for _ in range(_MAX_LEVELS):
        next_frontier = []
        for candidate in frontier[:_MAX_VISITED]:
            if id(candidate) in visited:
                continue
            visited.add(id(candidate))
            code = _code_of(candidate)
            if code is not None and frame_kind(code.co_filename) == OWN:
                return code
            # a frame refers to its function, but that of an exception is no callback
            if id(candidate) in new and type(candidate) is not FrameType:
                next_frontier.append(candidate)
        frontier = introspect.referents(next_frontier)
    return None


def _code_of(candidate: Any) -> CodeType | None:
    function = _FUNCTION.__get__(candidate) if type(candidate) is MethodType else candidate
    if type(function) is FunctionType:
        code: CodeType = CODE.__get__(function)
        return code
    if introspect.is_generator(candidate):
        frame = introspect.frame_of(candidate)
        return None if frame is None else frame.f_code
    return None


def _names(code: CodeType) -> set[str]:
    result = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            result |= _names(constant)
    return result


def _line_with_set(code: CodeType, name: str) -> tuple[CodeType, int] | None:
    import dis  # imported here: most searches meet no context variable

    previous = None
    for instruction in dis.get_instructions(code):
        is_set = instruction.opname in ("LOAD_METHOD", "LOAD_ATTR") and instruction.argval == "set"
        if is_set and previous is not None and previous.opname.startswith("LOAD_") and previous.argval == name:
            positions = instruction.positions
            return code, (positions.lineno if positions is not None else None) or code.co_firstlineno
        previous = instruction
    nested = (constant for constant in code.co_consts if type(constant) is CodeType)
    return next(filter(None, (_line_with_set(inner, name) for inner in nested)), None)


def _frame(code: CodeType, line: int) -> dict[str, Any]:
    return {
        "function": code.co_qualname,
        "file": code.co_filename,
        "line": line,
        "kind": OWN,
        "source": linecache.getline(code.co_filename, line).strip()[:_MAX_SOURCE],
    }
