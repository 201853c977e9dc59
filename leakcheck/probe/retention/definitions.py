"""The user's line behind a callback or a context variable: where what is kept was defined, or the variable was set."""

import linecache
from collections import Counter
from collections.abc import Collection, Sequence
from contextvars import Context
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any

from leakcheck.probe.allocations.frame_origin import OWN, frame_kind
from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.path_steps import CODE, key_of
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_MOST_LEVELS, _MOST_LOOKED_AT = 4, 200
_MOSTLY = 0.5
_MOST_FUNCTIONS = 20_000
_MOST_SOURCE = 200
_GLOBALS = FunctionType.__dict__["__globals__"]
_FUNCTION = MethodType.__dict__["__func__"]


def kept_function(entries: Sequence[Any], new: Collection[int]) -> dict[str, Any] | None:
    """Return where the function was defined that most of some entries keep, if it is the user's; else None."""
    codes = [code for code in (_own_code(one, new) for one in entries) if code is not None]
    # by id: of code objects that are alike each is another function
    counted = Counter(map(id, codes)).most_common(1)
    if not counted or counted[0][1] < _MOSTLY * len(entries):
        return None
    code = next(code for code in codes if id(code) == counted[0][0])
    return _frame(code, code.co_firstlineno)


def set_at(context: Context, value: object, functions: Sequence[Any]) -> dict[str, Any] | None:
    """Return the user's line that sets the context variable with a value; None where no function has such a line."""
    variable = next((var for var, held in Context.items(context) if held is value), None)
    if variable is None:
        return None
    for function in functions[:_MOST_FUNCTIONS]:
        code = CODE.__get__(function)
        if "set" in _names(code) and frame_kind(code.co_filename) == OWN:
            name = key_of(_GLOBALS.__get__(function), variable)
            line = None if type(name) is not str else _line_that_sets(code, name)
            if line is not None:
                return _frame(*line)
    return None


def _own_code(entry: Any, new: Collection[int]) -> CodeType | None:
    """Return the code of the first function of the user's that an entry leads to, over few steps."""
    seen: set[int] = set()
    frontier = [entry]
    for _ in range(_MOST_LEVELS):
        further = []
        for one in frontier[:_MOST_LOOKED_AT]:
            if id(one) in seen:
                continue
            seen.add(id(one))
            code = _code_of(one)
            if code is not None and frame_kind(code.co_filename) == OWN:
                return code
            # a frame refers to the function that it runs: an exception's is no callback
            if id(one) in new and type(one) is not FrameType:
                further.append(one)
        frontier = introspect.referents(further)
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
    found = set(code.co_names)
    for one in code.co_consts:
        if type(one) is CodeType:
            found |= _names(one)
    return found


def _line_that_sets(code: CodeType, name: str) -> tuple[CodeType, int] | None:
    import dis  # only here: most searches meet no context variable

    before = None
    for instruction in dis.get_instructions(code):
        is_set = instruction.opname in ("LOAD_METHOD", "LOAD_ATTR") and instruction.argval == "set"
        if is_set and before is not None and before.opname.startswith("LOAD_") and before.argval == name:
            positions = instruction.positions
            return code, (positions.lineno if positions is not None else None) or code.co_firstlineno
        before = instruction
    nested = (one for one in code.co_consts if type(one) is CodeType)
    return next(filter(None, (_line_that_sets(one, name) for one in nested)), None)


def _frame(code: CodeType, line: int) -> dict[str, Any]:
    return {
        "function": code.co_qualname,
        "file": code.co_filename,
        "line": line,
        "kind": OWN,
        "source": linecache.getline(code.co_filename, line).strip()[:_MOST_SOURCE],
    }
