"""What the texts of a document may be, and the one walk that goes through all of them.

A field that is annotated as `str` is free text: it has a length, and is made plain. What is no
text but a word, a date or a digest says so (`fingerprint: Fingerprint`). A field that is added is covered by
its annotation, and by no list that somebody has to remember.
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from leakcheck.model.plain_text import cut, plain

_Facts = TypeVar("_Facts")
_LONGEST_NAME = 2000
_MOST_SHOWN = 60
_NUMBERS = (int, float)
_LARGEST_INTEGER = 2**64 - 1
_LARGEST_NUMBER = 1e30
"""Sizes beyond this are none, and would become infinite where they are reckoned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    """What a text has to be."""

    what: str
    """What it is called in an error: `12 hexadecimal digits`."""
    most_characters: int
    is_one: Callable[[str], object] | None = None
    """What answers with something for a text that is one; it may raise ValueError. None for free text."""
    keeps_lines: bool = False
    """It may hold line feeds, as a traceback does."""
    otherwise: str | None = ""
    """What is written in the place of a text that has not this format."""

    def fits(self, text: str) -> bool:
        """Tell whether the text has this format."""
        try:
            return len(text) <= self.most_characters and (self.is_one is None or bool(self.is_one(text)))
        except (ValueError, OverflowError, OSError):
            return False


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _is_moment(text: str) -> bool:
    # a time zone, or a year, may make a moment of it that no clock has
    return datetime.fromisoformat(text).timestamp() < _LARGEST_INTEGER


FREE = TextFormat(what="a text of at most 10,000 characters", most_characters=10_000)

Lines = Annotated[str, replace(FREE, keeps_lines=True)]
"""A text of several lines."""

Name = Annotated[str, TextFormat(what=f"a name of at most {_LONGEST_NAME:,} characters", most_characters=_LONGEST_NAME)]
"""A name, an id or a path."""

Word = Annotated[
    str, TextFormat(what="a word", most_characters=64, is_one=_like(r"[A-Za-z][A-Za-z0-9 _+-]*"), otherwise="other")
]
"""One of our own words. Which ones there are may grow from version to version, so no list of them is kept."""

Release = Annotated[
    str,
    TextFormat(what="a name or a version", most_characters=200, is_one=_like(r"[\w.+~:/ ()-]*"), otherwise="unknown"),
]
"""What an interpreter or a library calls itself: `3.13.0rc1`, `glibc 2.36`."""

Fingerprint = Annotated[
    str,
    TextFormat(
        what="a fingerprint, which is 12 hexadecimal digits", most_characters=12, is_one=_like("([0-9a-f]{12})?")
    ),
]
"""A finding's short name; "" where it has none."""

Commit = Annotated[
    str, TextFormat(what="a commit of git", most_characters=64, is_one=_like("[0-9a-f]{7,64}"), otherwise=None)
]
Day = Annotated[
    str, TextFormat(what="a date, YYYY-MM-DD", most_characters=10, is_one=date.fromisoformat, otherwise=None)
]
Moment = Annotated[
    str,
    TextFormat(what="a time in ISO 8601", most_characters=40, is_one=_is_moment, otherwise="1970-01-01T00:00:00+00:00"),
]


class UnfitDocument(ValueError):
    """A document holds what its field cannot be. The message says where, and what is there."""

    def __init__(self, says: str, where: str = "") -> None:
        super().__init__(says)
        self.says = says
        self.where = where

    def within(self, step: str) -> "UnfitDocument":
        """Return the same, seen from one step further out."""
        return UnfitDocument(self.says, step + self.where)

    def __str__(self) -> str:
        return f"{self.where.lstrip('.')} {self.says}".strip()


def made_plain(facts: _Facts) -> _Facts:
    """Return the same facts with all their text plain, and none longer than it may be; themselves if it was so."""
    plain_ones: _Facts = _walked(facts, _plain)
    return plain_ones


def conforming(facts: _Facts) -> _Facts:
    """Return the same facts with what has not its format replaced, so that they can be read again."""
    conforming_ones: _Facts = _walked(facts, _conform)
    return conforming_ones


def refuse_unfit(facts: object) -> None:
    """Raise Unfit for a text that has not its format, and for a number that nobody can reckon with."""
    _walked(facts, _refuse)


Leaf = Callable[[Any, TextFormat | None], Any]
"""What is done with a text, which has a format, or with numbers, which have none."""
_Walk = Callable[[Any, Leaf], Any]


def _plain(value: Any, format: TextFormat | None) -> Any:
    if format is None:
        return value
    return cut(plain(value, keep_lines=format.keeps_lines), max(format.most_characters, _LONGEST_NAME))


def _conform(value: Any, format: TextFormat | None) -> Any:
    if format is None:
        return value
    text = _plain(value, format)
    return text if format.fits(text) else format.otherwise


def _refuse(value: Any, format: TextFormat | None) -> Any:
    if format is not None:
        if not format.fits(value):
            raise UnfitDocument(f"is {plain(repr(cut(value, _MOST_SHOWN)))}, and should be {format.what}")
        return value
    for number in value if isinstance(value, tuple | list) else (value,):
        if isinstance(number, int | float) and abs(number) > (
            _LARGEST_INTEGER if isinstance(number, int) else _LARGEST_NUMBER
        ):
            raise UnfitDocument("holds a number of more than 64 bits")
    return value


def _walked(facts: Any, leaf: Leaf) -> Any:
    """Walk through facts of whatever kind: those of a dataclass by its annotations, others by what they are."""
    if is_dataclass(facts) and not isinstance(facts, type):
        return _walk_of(type(facts))(facts, leaf)  # type: ignore[misc]
    if type(facts) is str:
        return leaf(facts, FREE)
    if isinstance(facts, tuple | list):
        return _if_new(facts, type(facts)(_walked(one, leaf) for one in facts))
    if type(facts) is dict:
        return _if_new(facts, {_walked(name, leaf): _walked(one, leaf) for name, one in facts.items()})
    return facts


def _if_new(old: Any, new: Any) -> Any:
    """Return what was there, where nothing of it has changed: whoever keeps things by identity relies on that."""
    pairs = zip(old.values(), new.values(), strict=False) if isinstance(old, dict) else zip(old, new, strict=True)
    same = all(one is other for one, other in pairs)
    return old if same and (not isinstance(old, dict) or list(old) == list(new)) else new


@cache
def _walk_of(hint: Any) -> _Walk | None:
    """Return how to walk through values of a type; None where they hold neither text nor numbers."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        formats = [one for one in arguments[1:] if isinstance(one, TextFormat)]
        return _of_text(formats[0]) if formats else _walk_of(arguments[0])
    if hint is str:
        return _of_text(FREE)
    if hint in _NUMBERS:
        return _of_numbers
    if origin in (Union, types.UnionType):
        return _of_union([one for one in arguments if one is not type(None)])
    if origin is tuple:
        inner = _walk_of(arguments[0])
        # columns of thousands of numbers are looked at in one go
        return inner if inner is None or arguments[0] in _NUMBERS else _of_tuple(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _of_mapping(*(_walk_of(one) for one in arguments))
    return _of_class(hint) if is_dataclass(hint) else None


def _of_text(format: TextFormat) -> _Walk:
    return lambda value, leaf: leaf(value, format)


def _of_numbers(value: Any, leaf: Leaf) -> Any:
    return leaf(value, None)


def _of_union(hints: list[Any]) -> _Walk | None:
    walks = [step for one in hints if (step := _walk_of(one)) is not None]
    text = next((_walk_of(one) for one in hints if one is str or get_origin(one) is Annotated), None)

    def walk(value: Any, leaf: Leaf) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return value if text is None else text(value, leaf)
        if isinstance(value, int | float):
            return leaf(value, None)
        return next(one for one in walks if one is not text)(value, leaf)

    return walk if walks else None


def _of_tuple(inner: _Walk) -> _Walk:
    def walk(values: Any, leaf: Leaf) -> Any:
        new = []
        for number, value in enumerate(values):
            try:
                new.append(inner(value, leaf))
            except UnfitDocument as unfit:
                raise unfit.within(f"[{number}]") from None
        return _if_new(values, type(values)(new))

    return walk


def _of_mapping(key: _Walk | None, inner: _Walk | None) -> _Walk:
    def walk(values: Any, leaf: Leaf) -> Any:
        new = {}
        for name, value in values.items():
            try:
                new[name if key is None else key(name, leaf)] = value if inner is None else inner(value, leaf)
            except UnfitDocument as unfit:
                raise unfit.within(f"[{plain(cut(str(name), _MOST_SHOWN))}]") from None
        return _if_new(values, new)

    return walk


def _of_class(kind: Any) -> _Walk:
    walks: dict[str, _Walk] = {}

    def walk(facts: Any, leaf: Leaf) -> Any:
        if not walks:  # not before: a class may hold others of its own kind
            hints = get_type_hints(kind, include_extras=True)
            walks.update({one.name: step for one in fields(kind) if (step := _walk_of(hints[one.name])) is not None})
        changed = {}
        for name, step in walks.items():
            old = getattr(facts, name)
            try:
                new = step(old, leaf)
            except UnfitDocument as unfit:
                raise unfit.within(f".{name}") from None
            if new is not old:
                changed[name] = new
        return replace(facts, **changed) if changed else facts

    return walk
