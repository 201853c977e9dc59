"""Text that others wrote, with each control and format character written out: the one way to plain text.

A scenario's name, an exception's message or a path may hold anything: colours, cursor movements,
right-to-left marks, halves of pairs that no encoding takes. They come out as visible escapes.
"""

_BLANKS = frozenset("\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
"""Wide and narrow blanks: str.isprintable refuses them, and they do no harm."""


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Return the text with every control and format character written out (`\\x1b`, `\\u202e`)."""
    if text.isprintable():
        return text
    if keep_lines:
        text = text.replace("\r\n", "\n")
    written = "".join(
        letter if letter.isprintable() or letter in _BLANKS or (keep_lines and letter == "\n") else _escaped(letter)
        for letter in text
    )
    return text if written == text else written  # itself, for whoever asks whether anything was changed


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")


def cut(text: str, most: int) -> str:
    """Return the text, of no more characters than that."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
