"""Escape control and format characters in text from outside; every other module uses this one function.

A scenario's name, an exception's message or a path may hold anything: colours, cursor movements, right-to-left marks,
lone surrogates. They become visible escapes.
"""

_BLANKS = frozenset("\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
"""Unicode spaces: harmless, though str.isprintable() is false for them."""


def escape_control(text: str, *, keep_lines: bool = False) -> str:
    """Return the text with control and format characters escaped (`\\x1b`, `\\u202e`), by default line feeds too."""
    if text.isprintable():
        return text
    if keep_lines:
        text = text.replace("\r\n", "\n")
    escaped = "".join(
        letter if letter.isprintable() or letter in _BLANKS or (keep_lines and letter == "\n") else _escaped(letter)
        for letter in text
    )
    return text if escaped == text else escaped  # the same object if nothing changed: callers compare by identity


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")


def shorten(text: str, most: int) -> str:
    """Return the text, shortened to `most` characters with an ellipsis at its end."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
