"""Text that others wrote, made safe for a terminal.

A scenario's name, an exception's message or what a process wrote may hold anything: colours,
cursor movements, right-to-left marks. They come out as visible escapes.
"""

import unicodedata

_SPOKEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Return the text with every control and format character written out (`\\x1b`, `\\u202e`)."""
    return "".join(
        letter if unicodedata.category(letter) not in _SPOKEN or (keep_lines and letter == "\n") else _escaped(letter)
        for letter in text
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")
