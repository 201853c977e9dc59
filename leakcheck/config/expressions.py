"""Select scenarios by an expression: `-k "newsletter and not (naive or values)"`.

As in pytest, a word matches if it is part of the id, ignoring case.
"""

import re
from collections.abc import Callable, Iterable

from leakcheck.model.errors import UsageError

Matches = Callable[[str], bool]
_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


def parse_expression(text: str) -> Matches:
    """Return a function that returns whether an id matches. Raises UsageError for an invalid expression."""
    parser = _Parser(text)
    matches = parser.disjunction()
    if parser.peek() is not None:
        raise parser.error()
    return matches


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)

    def peek(self) -> str | None:
        return self._tokens[0] if self._tokens else None

    def error(self) -> UsageError:
        problem = f"unexpected {self.peek()!r}" if self._tokens else "incomplete"
        return UsageError(f"-k {self._text!r}: {problem}; write words joined by and, or, not and parentheses")

    def disjunction(self) -> Matches:
        return self._joined("or", any, lambda: self._joined("and", all, self._negation))

    def _joined(self, word: str, combine: Callable[[Iterable[bool]], bool], part: Callable[[], Matches]) -> Matches:
        parts = [part()]
        while self.peek() == word:
            self._tokens.pop(0)
            parts.append(part())
        return lambda name: combine(matches(name) for matches in parts)

    def _negation(self) -> Matches:
        if self.peek() == "not":
            self._tokens.pop(0)
            inner = self._negation()
            return lambda name: not inner(name)
        if self.peek() == "(":
            self._tokens.pop(0)
            inner = self.disjunction()
            if self.peek() != ")":
                raise self.error()
            self._tokens.pop(0)
            return inner
        if self.peek() in (None, ")", "and", "or"):
            raise self.error()
        word = self._tokens.pop(0).lower()
        return lambda name: word in name.lower()
