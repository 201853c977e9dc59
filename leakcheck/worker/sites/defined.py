"""Which function a line of a file belongs to, by the file's text: for tracebacks that have no names."""

import ast
import linecache
from functools import lru_cache

from leakcheck.worker.own import BUILTINS

__builtins__ = BUILTINS


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
