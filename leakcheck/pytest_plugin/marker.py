"""Read the arguments of `@pytest.mark.leakcheck(...)` and of the fixture's calls."""

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
    """The arguments of a marker or a call of the fixture. None means "not given here"."""

    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    calls: int | None = None
    time: float | None = None

    def overriding(self, other: "MarkerArgs") -> "MarkerArgs":
        """Return these arguments, and the other's for those that are not given here."""
        values = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(other, **values)


def item_marker_args(item: pytest.Item) -> MarkerArgs | None:
    """Return the arguments of the markers of a test, its class and its module, of which the nearest wins.

    None if there is no marker. Raises pytest.UsageError, which names the test, for an invalid argument.
    """
    result: MarkerArgs | None = None
    for mark in item.iter_markers(MARKER_NAME):
        try:
            args = parse_marker_args(*mark.args, **mark.kwargs)
        except UsageError as error:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.leakcheck: {error}") from error
        result = args if result is None else result.overriding(args)
    return result


def parse_marker_args(*positional: object, **values: Any) -> MarkerArgs:
    """Return the arguments as numbers. Raises UsageError for an invalid one."""
    if positional:
        raise UsageError(f"takes keyword arguments only, such as growth={positional[0]!r}")
    for name in values:
        if name not in _PARSERS:
            matches = get_close_matches(name, _PARSERS, 1)
            remedy = f"did you mean {matches[0]}?" if matches else f"it takes {', '.join(_PARSERS)}"
            raise UsageError(f"there is no {name!r}; {remedy}")
    parsed = {name: _PARSERS[name](name, value) for name, value in values.items() if value is not None}
    return MarkerArgs(
        growth_bytes_per_1000_calls=parsed.get("growth"),
        peak_bytes=parsed.get("peak"),
        calls=parsed.get("calls"),
        time=parsed.get("time"),
    )


def _growth(name: str, value: object) -> float:
    return parse_growth(_text(name, value, "64 KiB / 1000 calls"))


def _peak(name: str, value: object) -> float:
    return parse_size(_text(name, value, "20 MiB"))


def _text(name: str, value: object, example: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}; write a string such as {name}={example!r}")
    return value


def _calls(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} is {value!r}; write a number of calls, 1 or more")
    return value


def _time(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise UsageError(f"{name} is {value!r}; write a number of seconds above 0")
    return float(value)


_PARSERS: dict[str, Callable[[str, object], Any]] = {"growth": _growth, "peak": _peak, "calls": _calls, "time": _time}
