"""Text that others wrote, made safe for a terminal.

A scenario's name, an exception's message or what a process wrote may hold anything: colours,
cursor movements, right-to-left marks. They come out as visible escapes. So do the commands that a
CI runner looks for in whatever is printed.
"""

import re
import unicodedata

_SPOKEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_COMMAND = re.compile(r"(?:^|(?<=\r))(?P<space>[^\S\r\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)
"""The letter to take from a line so that no runner obeys it: GitHub's `::error::`, after blanks too; `##[error]`
and Azure's `##vso[` anywhere in it."""


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Return the text with every control and format character written out (`\\x1b`, `\\u202e`)."""
    return "".join(
        letter if unicodedata.category(letter) not in _SPOKEN or (keep_lines and letter == "\n") else _escaped(letter)
        for letter in text
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")


def inert(text: str, spelt: str = "\\x{:02x}") -> str:
    """Return the text with each command to a CI runner written out (`\\x3a:error::`, `\\x23#[group]`).

    `spelt` says how a letter is written by its number: `&#{};` in XML and HTML, `\\u{:04x}` in JSON.
    """
    return _COMMAND.sub(lambda found: f"{found['space'] or ''}{spelt.format(ord(found[0][-1]))}", text)
