"""Escape foreign text for a terminal, a spreadsheet, a shell and a CI log.

A scenario's name, an exception's message or a process's output may hold anything: colours, cursor
movements, right-to-left marks. They come out as visible escapes, and so do the commands that a CI
runner looks for in whatever is printed.
"""

import re
import shlex
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from leakcheck.model.document_text import escape_text_fields
from leakcheck.model.plain_text import escape_control as plain

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

_COMMAND = re.compile(r"(?:^|(?<=\r))(?P<space>[^\S\r\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)
"""The character to escape so that no runner obeys the line: GitHub's `::error::`, after blanks too; `##[error]`
and Azure's `##vso[` anywhere in it."""


def escape_ci_commands(text: str, escaped: str = "\\x{:02x}") -> str:
    """Return the text with each command to a CI runner escaped (`\\x3a:error::`, `\\x23#[group]`).

    `escaped` is the format of a character, given its number: `&#{};` in XML and HTML, `\\u{:04x}` in JSON.
    """
    return _COMMAND.sub(lambda match: f"{match['space'] or ''}{escaped.format(ord(match[0][-1]))}", text)


def escape_arguments(reporter: Callable[_Parameters, _Returned]) -> Callable[_Parameters, _Returned]:
    """Decorate a reporter: escape the texts in all its arguments, which covers new fields and forgetful call sites."""

    @wraps(reporter)
    def with_plain_arguments(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Returned:
        keywords = {name: escape_text_fields(value) for name, value in kwargs.items()}
        return reporter(*map(escape_text_fields, args), **keywords)  # type: ignore[arg-type]

    return with_plain_arguments


def csv_cell(text: str) -> str:
    """Return a cell that no spreadsheet evaluates: a formula is prefixed with `'` (OWASP, CSV injection)."""
    cell = plain(text)
    # some spreadsheets skip leading blanks
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA_STARTS) else cell


def shell_words(words: Iterable[str]) -> str:
    """Return words to paste into a shell, quoted, and with `./` before those that would be options."""
    return plain(shlex.join(f"./{word}" if word.startswith("-") else word for word in words))
