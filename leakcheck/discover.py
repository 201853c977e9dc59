"""Find the files of a folder that hold scenarios, without running any of them."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from leakcheck.errors import StoreError
from leakcheck.files import read_file

_NEVER_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})
_DECORATOR = "scenario"
_LARGEST_FILE_BYTES = 16 * 1024 * 1024


def scenario_files(folder: Path) -> list[Path]:
    """Return the Python files below `folder` that define a function under `@scenario`, sorted.

    A file that names leakcheck and does not parse is returned too: its error is then reported when
    it is imported, instead of its scenarios missing in silence.
    """
    return sorted(path for path in _python_files(folder) if _holds_scenario(path))


def _python_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [
            name
            for name in folders
            if name not in _NEVER_ENTERED and not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in names if name.endswith(".py"))


def _holds_scenario(path: Path) -> bool:
    try:
        # a link may lead to a file elsewhere, and never to a pipe or a device: what it leads to is run, and not told
        text = read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="file of scenarios may be", follows_links=True)
    except StoreError:
        return False
    if _DECORATOR.encode() not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b"leakcheck" in text
    return any(
        _is_mark(decorator)
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in statement.decorator_list
    )


def _is_mark(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(named, "id", None) == _DECORATOR or getattr(named, "attr", None) == _DECORATOR
