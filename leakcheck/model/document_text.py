"""Text formats of a document's fields, and the one walk that checks or cleans all of them.

A field annotated as `str` is free text: its length is bounded and control characters are escaped. A name, a date or a
digest has an annotation of its own (`fingerprint: Fingerprint`). A new field is covered by its annotation alone; there
is no list to keep up to date.
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from leakcheck.model.plain_text import escape_control, shorten

_Facts = TypeVar("_Facts")
_LONGEST_NAME = 2000
_MAX_QUOTED_CHARACTERS = 60
_NUMBERS = (int, float)
_LARGEST_INTEGER = 2**64 - 1
_LARGEST_NUMBER = 1e30
"""No real size is larger, and calculations with larger ones would overflow to infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    """The format of a text field."""

    what: str
    """The format in an error message: `12 hexadecimal digits`."""
    most_characters: int
    is_one: Callable[[str], object] | None = None
    """Return something true for a text of this format; may raise ValueError. None for free text."""
    keeps_lines: bool = False
    """Line feeds are kept, as in a traceback."""
    otherwise: str | None = ""
    """Written in place of a text that does not fit."""

    def fits(self, text: str) -> bool:
        """Return whether the text has this format."""
        try:
            return len(text) <= self.most_characters and (self.is_one is None or bool(self.is_one(text)))
        except (ValueError, OverflowError, OSError):
            return False


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _is_moment(text: str) -> bool:
    # an extreme year or time zone parses, but has no timestamp
    return datetime.fromisoformat(text).timestamp() < _LARGEST_INTEGER


FREE = TextFormat(what="a text of at most 10,000 characters", most_characters=10_000)

Lines = Annotated[str, replace(FREE, keeps_lines=True)]
"""Text of several lines."""

Name = Annotated[str, TextFormat(what=f"a name of at most {_LONGEST_NAME:,} characters", most_characters=_LONGEST_NAME)]
"""A name, an id or a path."""

Word = Annotated[
    str, TextFormat(what="a word", most_characters=64, is_one=_like(r"[A-Za-z][A-Za-z0-9 _+-]*"), otherwise="other")
]
"""A word of leakcheck's own vocabulary. It is open: later versions add words, so there is no list to check against."""

Release = Annotated[
    str,
    TextFormat(what="a name or a version", most_characters=200, is_one=_like(r"[\w.+~:/ ()-]*"), otherwise="unknown"),
]
"""Name or version of an interpreter or a library: `3.13.0rc1`, `glibc 2.36`."""

Fingerprint = Annotated[
    str,
    TextFormat(
        what="a fingerprint, which is 12 hexadecimal digits", most_characters=12, is_one=_like("([0-9a-f]{12})?")
    ),
]
"""The digest that names a finding; "" if it has none."""

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


class InvalidField(ValueError):
    """A field of a document holds an invalid value. The message says which field, and what it holds."""

    def __init__(self, problem: str, location: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.location = location

    def within(self, step: str) -> "InvalidField":
        """Return the same error with `step` put in front of its location."""
        return InvalidField(self.problem, step + self.location)

    def __str__(self) -> str:
        return f"{self.location.lstrip('.')} {self.problem}".strip()


def escape_text_fields(facts: _Facts) -> _Facts:
    """Return the facts with control characters escaped and long texts cut; the same object if nothing changes."""
    result: _Facts = _walked(facts, _plain)
    return result


def replace_invalid_texts(facts: _Facts) -> _Facts:
    """Return the facts with every text that does not fit its format replaced, so that they can be loaded again."""
    result: _Facts = _walked(facts, _conform)
    return result


def validate_fields(facts: object) -> None:
    """Raise InvalidField for a text that does not fit its format, or a number too large to calculate with."""
    _walked(facts, _refuse)


Leaf = Callable[[Any, TextFormat | None], Any]
"""Called for each text with its format, and for each number, or tuple of numbers, with None; returns the new value."""
_Walk = Callable[[Any, Leaf], Any]


def _plain(value: Any, format: TextFormat | None) -> Any:
    if format is None:
        return value
    return shorten(escape_control(value, keep_lines=format.keeps_lines), max(format.most_characters, _LONGEST_NAME))


def _conform(value: Any, format: TextFormat | None) -> Any:
    if format is None:
        return value
    text = _plain(value, format)
    return text if format.fits(text) else format.otherwise


def _refuse(value: Any, format: TextFormat | None) -> Any:
    if format is not None:
        if not format.fits(value):
            raise InvalidField(
                f"is {escape_control(repr(shorten(value, _MAX_QUOTED_CHARACTERS)))}, and should be {format.what}"
            )
        return value
    for number in value if isinstance(value, tuple | list) else (value,):
        if isinstance(number, int | float) and abs(number) > (
            _LARGEST_INTEGER if isinstance(number, int) else _LARGEST_NUMBER
        ):
            raise InvalidField("holds a number of more than 64 bits")
    return value


def _walked(facts: Any, leaf: Leaf) -> Any:
    """Apply `leaf` throughout the facts: a dataclass by its annotations, anything else by its type."""
    if is_dataclass(facts) and not isinstance(facts, type):
        return _walk_of(type(facts))(facts, leaf)  # type: ignore[misc]
    if type(facts) is str:
        return leaf(facts, FREE)
    if isinstance(facts, tuple | list):
        return _if_new(facts, type(facts)(_walked(item, leaf) for item in facts))
    if type(facts) is dict:
        return _if_new(facts, {_walked(key, leaf): _walked(value, leaf) for key, value in facts.items()})
    return facts


def _if_new(old: Any, new: Any) -> Any:
    """Return the old collection if nothing changed: callers cache by identity (`RunFile`)."""
    pairs = zip(old.values(), new.values(), strict=False) if isinstance(old, dict) else zip(old, new, strict=True)
    same = all(before is after for before, after in pairs)
    return old if same and (not isinstance(old, dict) or list(old) == list(new)) else new


@cache
def _walk_of(hint: Any) -> _Walk | None:
    """Return the walk for values of a type; None if they hold neither text nor numbers."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        formats = [item for item in arguments[1:] if isinstance(item, TextFormat)]
        return _of_text(formats[0]) if formats else _walk_of(arguments[0])
    if hint is str:
        return _of_text(FREE)
    if hint in _NUMBERS:
        return _of_numbers
    if origin in (Union, types.UnionType):
        return _of_union([member for member in arguments if member is not type(None)])
    if origin is tuple:
        inner = _walk_of(arguments[0])
        # a column of thousands of numbers is one leaf: a call for each would be slow
        return inner if inner is None or arguments[0] in _NUMBERS else _of_tuple(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _of_mapping(*(_walk_of(argument) for argument in arguments))
    return _of_class(hint) if is_dataclass(hint) else None


def _of_text(format: TextFormat) -> _Walk:
    return lambda value, leaf: leaf(value, format)


def _of_numbers(value: Any, leaf: Leaf) -> Any:
    return leaf(value, None)


def _of_union(hints: list[Any]) -> _Walk | None:
    walks = [inner for hint in hints if (inner := _walk_of(hint)) is not None]
    text = next((_walk_of(hint) for hint in hints if hint is str or get_origin(hint) is Annotated), None)

    def walk(value: Any, leaf: Leaf) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return value if text is None else text(value, leaf)
        if isinstance(value, int | float):
            return leaf(value, None)
        return next(inner for inner in walks if inner is not text)(value, leaf)

    return walk if walks else None


def _of_tuple(inner: _Walk) -> _Walk:
    def walk(values: Any, leaf: Leaf) -> Any:
        new = []
        for index, value in enumerate(values):
            try:
                new.append(inner(value, leaf))
            except InvalidField as unfit:
                raise unfit.within(f"[{index}]") from None
        return _if_new(values, type(values)(new))

    return walk


def _of_mapping(key: _Walk | None, inner: _Walk | None) -> _Walk:
    def walk(values: Any, leaf: Leaf) -> Any:
        new = {}
        for name, value in values.items():
            try:
                new[name if key is None else key(name, leaf)] = value if inner is None else inner(value, leaf)
            except InvalidField as unfit:
                raise unfit.within(f"[{escape_control(shorten(str(name), _MAX_QUOTED_CHARACTERS))}]") from None
        return _if_new(values, new)

    return walk


def _of_class(kind: Any) -> _Walk:
    walks: dict[str, _Walk] = {}

    def walk(facts: Any, leaf: Leaf) -> Any:
        if not walks:  # only now: a class may contain its own type
            hints = get_type_hints(kind, include_extras=True)
            walks.update({item.name: step for item in fields(kind) if (step := _walk_of(hints[item.name])) is not None})
        changed = {}
        for name, step in walks.items():
            old = getattr(facts, name)
            try:
                new = step(old, leaf)
            except InvalidField as unfit:
                raise unfit.within(f".{name}") from None
            if new is not old:
                changed[name] = new
        return replace(facts, **changed) if changed else facts

    return walk
