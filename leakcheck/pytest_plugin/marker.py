"""What `@pytest.mark.leakcheck(...)` says of a test."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import pytest

from leakcheck.model.errors import UsageError
from leakcheck.model.units import parse_growth, parse_size

MARKER_NAME = "leakcheck"
DESCRIPTION = (
    "leakcheck(growth=None, peak=None, calls=None, time=None): replay the test's body, its fixtures set up once, and "
    'fail where memory grows by more than growth="64 KiB / 1000 calls" or one call peaks above peak="20 MiB".'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerArgs:
    """What is asked of one measurement. None means "not said here"."""

    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    calls: int | None = None
    time: float | None = None

    def overriding(self, other: "MarkerArgs") -> "MarkerArgs":
        """Return what these say, and the other ones where these say nothing."""
        said = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(other, **said)


def item_marker_args(item: pytest.Item) -> MarkerArgs | None:
    """Return what the marks of a test, its class and its module say, the nearest first; None without any.

    Raises pytest.UsageError, which names the test, for what no mark can say.
    """
    found: MarkerArgs | None = None
    for mark in item.iter_markers(MARKER_NAME):
        try:
            terms = parse_marker_args(*mark.args, **mark.kwargs)
        except UsageError as error:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.leakcheck: {error}") from error
        found = terms if found is None else found.overriding(terms)
    return found


def parse_marker_args(*words: object, **said: Any) -> MarkerArgs:
    """Return what was said, in numbers. Raises UsageError."""
    if words:
        raise UsageError(f"takes names only, as in growth={words[0]!r}")
    for name in said:
        if name not in _PARSERS:
            near = get_close_matches(name, _PARSERS, 1)
            remedy = f"did you mean {near[0]}?" if near else f"it takes {', '.join(_PARSERS)}"
            raise UsageError(f"there is no {name!r}; {remedy}")
    read = {name: _PARSERS[name](name, value) for name, value in said.items() if value is not None}
    return MarkerArgs(
        growth_bytes_per_1000_calls=read.get("growth"),
        peak_bytes=read.get("peak"),
        calls=read.get("calls"),
        time=read.get("time"),
    )


def _growth(name: str, value: object) -> float:
    return parse_growth(_text(name, value, "64 KiB / 1000 calls"))


def _peak(name: str, value: object) -> float:
    return parse_size(_text(name, value, "20 MiB"))


def _text(name: str, value: object, example: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}; write a text, as in {name}={example!r}")
    return value


def _calls(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} is {value!r}; write how many calls, 1 or more")
    return value


def _time(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise UsageError(f"{name} is {value!r}; write seconds, more than 0")
    return float(value)


_PARSERS: dict[str, Callable[[str, object], Any]] = {"growth": _growth, "peak": _peak, "calls": _calls, "time": _time}
