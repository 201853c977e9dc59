"""Text that others wrote, made safe for a terminal, a spreadsheet and a shell.

A scenario's name, an exception's message or what a process wrote may hold anything: colours,
cursor movements, right-to-left marks. They come out as visible escapes. So do the commands that a
CI runner looks for in whatever is printed.
"""

import re
import shlex
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from leakcheck.model.document_text import made_plain
from leakcheck.model.plain_text import plain as plain

_Given = ParamSpec("_Given")
_Told = TypeVar("_Told")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

_COMMAND = re.compile(r"(?:^|(?<=\r))(?P<space>[^\S\r\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)
"""The letter to take from a line so that no runner obeys it: GitHub's `::error::`, after blanks too; `##[error]`
and Azure's `##vso[` anywhere in it."""


def inert(text: str, spelt: str = "\\x{:02x}") -> str:
    """Return the text with each command to a CI runner written out (`\\x3a:error::`, `\\x23#[group]`).

    `spelt` says how a letter is written by its number: `&#{};` in XML and HTML, `\\u{:04x}` in JSON.
    """
    return _COMMAND.sub(lambda found: f"{found['space'] or ''}{spelt.format(ord(found[0][-1]))}", text)


def plainly(reporter: Callable[_Given, _Told]) -> Callable[_Given, _Told]:
    """Return the reporter with all facts that it is given made plain before it sees them.

    So a field is safe that was added yesterday, and a place that somebody forgot to make plain.
    """

    @wraps(reporter)
    def with_plain_facts(*given: _Given.args, **named: _Given.kwargs) -> _Told:
        return reporter(*map(made_plain, given), **{name: made_plain(one) for name, one in named.items()})  # type: ignore[arg-type]

    return with_plain_facts


def csv_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: it then begins with `'` (OWASP, CSV injection)."""
    shown = plain(text)
    # a blank before it does not hide it from every spreadsheet
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def shell_words(words: Iterable[str]) -> str:
    """Return the words of a command as they can be pasted into a shell, where none of them is an option."""
    return plain(shlex.join(f"./{word}" if word.startswith("-") else word for word in words))
