"""The tuned numbers of a module's constants, and what they are when they are moved by half."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FACTORS = (0.5, 1.5)

_REMARK = re.compile(r"#\s*(?:(?P<untuned>not tuned)|any value from .+ to .+ does): \S.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One tuned number of a module's constants, and where it stands."""

    path: Path
    """From the project's root."""
    name: str
    line: int
    column: int
    end: int
    """The columns count bytes."""
    value: float
    remark: str = ""
    """Why any value does, where a comment says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A number, moved."""

    number: Number
    after: float

    def __str__(self) -> str:
        number = self.number
        return f"{number.path}:{number.line} {number.name}: {number.value!r} -> {self.after!r}"

    def text(self, module: str) -> str:
        """Return the module's text with the number moved."""
        lines = module.splitlines(keepends=True)
        raw = lines[self.number.line - 1].encode()
        lines[self.number.line - 1] = (
            raw[: self.number.column] + repr(self.after).encode() + raw[self.number.end :]
        ).decode()
        return "".join(lines)


def tuned_numbers(path: Path, text: str) -> Iterator[Number]:
    """Yield the tuned numbers of a module's text, also those of which any value does."""
    lines = text.splitlines()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        if not names or not names[0].isupper():
            continue
        for node, number in _numbers(value):
            remark = _remark(lines, node.lineno)
            if number in (-1, 0, 1) or (remark and remark["untuned"]):
                continue
            if node.end_lineno != node.lineno or node.end_col_offset is None:
                raise SystemExit(f"{path}:{node.lineno}: a number goes over two lines; write it in one")
            yield Number(
                path=path,
                name=", ".join(names),
                line=node.lineno,
                column=node.col_offset,
                end=node.end_col_offset,
                value=number,
                remark=remark[0].lstrip("# ") if remark else "",
            )


def _numbers(node: ast.AST) -> Iterator[tuple[ast.expr, float]]:
    """Yield the largest expressions that consist of numbers alone, with their values."""
    if isinstance(node, ast.expr) and _is_arithmetic(node):
        yield node, eval(compile(ast.Expression(node), "<number>", "eval"), {})
        return
    for child in ast.iter_child_nodes(node):
        yield from _numbers(child)


def _is_arithmetic(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_arithmetic(node.left) and _is_arithmetic(node.right)
    if isinstance(node, ast.UnaryOp):
        return _is_arithmetic(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _remark(lines: Sequence[str], line: int) -> re.Match[str] | None:
    """Return the remark at the end of a line (numbered from 1), or in the comment line above."""
    above = lines[line - 2].strip() if line > 1 else ""
    return _REMARK.search(lines[line - 1]) or _REMARK.fullmatch(above)


def mutants_of(number: Number) -> list[Mutant]:
    """Return the number moved by half, down and up; integers stay integers."""
    moved = (number.value * factor for factor in FACTORS)
    rounded = [round(value) if isinstance(number.value, int) else value for value in moved]
    return [Mutant(number=number, after=value) for value in rounded if value != number.value]
