"""Text formats of a document's fields, and the one walk that checks or cleans all of them.

A field annotated as `str` is free text: its length is bounded and control characters are escaped. A name, a date or a
digest has an annotation of its own (`fingerprint: Fingerprint`), by which a new field is covered: there is no list.
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from functools import cache, partial
from operator import is_
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
    return _walk(facts, _ESCAPE)


def replace_invalid_texts(facts: _Facts) -> _Facts:
    """Return the facts with every text that does not fit its format replaced, so that they can be loaded again."""
    return _walk(facts, _REPLACE)


def validate_fields(facts: _Facts) -> _Facts:
    """Return the facts with control characters escaped.

    Raises InvalidField for a text that does not fit its format, or a number too large to calculate with.
    """
    return _walk(facts, _VALIDATE)


_hints = cache(partial(get_type_hints, include_extras=True))
_Step = Callable[[Any], Any]
"""Takes a value, and returns it or another one in its place."""


@dataclass(frozen=True, slots=True, eq=False)
class _Operation:
    """What to do with the fields of a document."""

    text: Callable[[TextFormat], _Step]
    """Return the step for texts of a format."""
    numbers: _Step | None = None
    """The step for a number or a tuple of numbers; None if they stay as they are."""


def _escaping(format: TextFormat) -> _Step:
    most_characters = max(format.most_characters, _LONGEST_NAME)

    def escape(text: str) -> str:
        if len(text) <= most_characters and text.isprintable():
            return text
        return shorten(escape_control(text, keep_lines=format.keeps_lines), most_characters)

    return escape


def _replacing(format: TextFormat) -> _Step:
    escape = _escaping(format)

    def replace_invalid(text: str) -> str | None:
        escaped = escape(text)
        return escaped if format.fits(escaped) else format.otherwise

    return replace_invalid


def _validating(format: TextFormat) -> _Step:
    escape = _escaping(format)
    is_free, most_characters = format.is_one is None, format.most_characters

    def validate(text: str) -> Any:
        if is_free and len(text) <= most_characters and text.isprintable():
            return text  # nearly all of them
        if not format.fits(text):
            quoted = escape_control(repr(shorten(text, _MAX_QUOTED_CHARACTERS)))
            raise InvalidField(f"is {quoted}, and should be {format.what}")
        return escape(text)

    return validate


def _validate_numbers(value: Any) -> Any:
    if isinstance(value, tuple | list):
        if not max(map(abs, value), default=0) <= _LARGEST_INTEGER:  # seldom: a call for each would be slow
            for number in value:
                _validate_numbers(number)
    elif abs(value) > (_LARGEST_INTEGER if isinstance(value, int) else _LARGEST_NUMBER):
        raise InvalidField("holds a number of more than 64 bits")
    return value


_ESCAPE = _Operation(_escaping)
_REPLACE = _Operation(_replacing)
_VALIDATE = _Operation(_validating, _validate_numbers)


def _walk(facts: _Facts, operation: _Operation) -> _Facts:
    """Apply an operation throughout the facts: a dataclass by its annotations, anything else by its type."""
    step: _Step | None = None
    if is_dataclass(facts) and not isinstance(facts, type):
        step = _step(type(facts), operation)
    elif type(facts) is str:
        step = operation.text(FREE)
    elif isinstance(facts, tuple | list):
        step = _of_items(lambda item: _walk(item, operation))
    elif type(facts) is dict:
        step = _of_mapping(operation.text(FREE), lambda value: _walk(value, operation))
    result: _Facts = facts if step is None else step(facts)
    return result


@cache
def _step(hint: Any, operation: _Operation) -> _Step | None:
    """Return the step for values of a type; None if the operation changes and refuses none of them."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        formats = [item for item in arguments[1:] if isinstance(item, TextFormat)]
        return operation.text(formats[0]) if formats else _step(arguments[0], operation)
    if hint is str:
        return operation.text(FREE)
    if hint in _NUMBERS:
        return operation.numbers
    if origin in (Union, types.UnionType):
        return _of_union([member for member in arguments if member is not type(None)], operation)
    if origin is tuple:
        if arguments[0] in _NUMBERS:
            return operation.numbers  # a column of thousands of numbers: a call for each would be slow
        inner = _step(arguments[0], operation)
        return None if inner is None else _of_items(inner)
    if origin is not None and issubclass(origin, Mapping):
        key, inner = (_step(argument, operation) for argument in arguments)
        return None if key is inner is None else _of_mapping(key, inner)
    return _of_class(hint, operation) if is_dataclass(hint) else None


def _of_union(members: list[Any], operation: _Operation) -> _Step | None:
    texts = [member for member in members if member is str or get_origin(member) is Annotated]
    others = [member for member in members if member not in texts and member not in (*_NUMBERS, bool)]
    text = _step(texts[0], operation) if texts else None
    numbers = operation.numbers if any(member in _NUMBERS for member in members) else None
    other = next(filter(None, (_step(member, operation) for member in others)), None)
    if text is numbers is other is None:
        return None

    def step(value: Any) -> Any:
        inner = text if isinstance(value, str) else numbers if isinstance(value, int | float) else other
        return value if value is None or inner is None else inner(value)

    return step


def _of_items(inner: _Step) -> _Step:
    def step(values: Any) -> Any:
        new: list[Any] = []
        try:
            new.extend(map(inner, values))
        except InvalidField as unfit:
            raise unfit.within(f"[{len(new)}]") from None
        # callers cache by identity (`RunFile`)
        return values if all(map(is_, new, values)) else type(values)(new)

    return step


def _of_mapping(key: _Step | None, inner: _Step | None) -> _Step:
    def step(values: Any) -> Any:
        new, changed = {}, False
        for name, value in values.items():
            try:
                new_name = name if key is None else key(name)
                new[new_name] = item = value if inner is None else inner(value)
            except InvalidField as unfit:
                raise unfit.within(f"[{escape_control(shorten(str(name), _MAX_QUOTED_CHARACTERS))}]") from None
            changed = changed or item is not value or new_name is not name
        return new if changed else values

    return step


def _of_class(kind: Any, operation: _Operation) -> _Step:
    @cache  # only when it is used: a class may contain its own type
    def steps() -> tuple[tuple[str, _Step], ...]:
        hints = {item.name: _hints(kind)[item.name] for item in fields(kind)}
        return tuple((name, inner) for name, hint in hints.items() if (inner := _step(hint, operation)) is not None)

    def step(facts: Any) -> Any:
        changed = {}
        for name, inner in steps():
            old = getattr(facts, name)
            try:
                new = None if old is None else inner(old)
            except InvalidField as unfit:
                raise unfit.within(f".{name}") from None
            if new is not old:
                changed[name] = new
        return replace(facts, **changed) if changed else facts

    return step
