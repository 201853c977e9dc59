"""Pieces of Markdown."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence

_RICH_TAG = re.compile(r"(?<!\\)\[/?[a-z]+\]")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already, but for the bars in them."""
    lines = [_row(headers), _row(["---"] * len(headers)), *(_row([_cell(one) for one in row]) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def code(text: str) -> str:
    """Return a text as code."""
    return f"`{text}`"


def plain(text: str) -> str:
    """Return a help text of the command line as Markdown: without the tags of its markup, and obeyed in nothing."""
    said = _RICH_TAG.sub("", text).replace("\\[", "[")
    return _outside_of_code(said)


def _outside_of_code(text: str) -> str:
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\[\]*<>_~])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def sentences_of(fact: type) -> dict[str, str]:
    """Return what stands below each field of a class, in its source; "" of a field with nothing below it."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(fact))).body
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    last = None
    for statement in tree.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)):
                said[name], last = "", name
            case ast.Assign(targets=[ast.Name(id=name)]):
                said[name], last = "", name
            case ast.Expr(value=ast.Constant(value=str(text))) if last is not None:
                said[last], last = _outside_of_code(inspect.cleandoc(text)), None
            case _:
                last = None
    return said
