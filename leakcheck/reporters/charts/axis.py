"""Axes: from values to places between 0 and 1, with ticks at round numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

_MOST = 1e30
_BINARY = (("B", 1.0), ("KiB", 1024.0), ("MiB", 1024.0**2), ("GiB", 1024.0**3))
_SECONDS = (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0))
_ROUND = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One mark of an axis."""

    at: float
    """Where it lies, from 0 to 1."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The values from `low` to `high`."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """Return where a value lies: 0 at the low end, 1 at the high one, beyond for what is beyond."""
        return (_tame(value) - self.low) / (self.high - self.low)


def bytes_axis(low: float, high: float) -> Axis:
    """Return an axis of sizes, whose ticks are all in one unit."""
    name, unit = _unit(_BINARY, max(abs(_tame(low)), abs(_tame(high))))
    return _axis(low, high, unit, lambda value: "0" if not value else f"{value / unit:,.10g} {name}")


def seconds_axis(high: float) -> Axis:
    """Return an axis of durations that begins at 0."""
    name, unit = _unit(_SECONDS, _tame(high))
    return _axis(0.0, high, unit, lambda value: "0" if not value else f"{value / unit:,.10g} {name}")


def count_axis(low: float, high: float) -> Axis:
    """Return an axis of counts."""
    return _axis(low, high, 1.0, lambda value: f"{value:,.10g}", least_step=1.0)


def _axis(low: float, high: float, unit: float, label: Callable[[float], str], least_step: float = 0.0) -> Axis:
    low, high = _tame(low), _tame(high)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        high = low + max(abs(low), unit)
    step = max(_round_step((high - low) / 5 / unit) * unit, least_step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    ticks = tuple(Tick(at=(value - low) / (high - low), label=label(value)) for value in values)
    return Axis(low=low, high=high, ticks=ticks)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in _ROUND if step * power >= rough * (1 - 1e-9))


def _unit(units: tuple[tuple[str, float], ...], value: float) -> tuple[str, float]:
    return next((unit for unit in reversed(units) if value >= unit[1]), units[0])


def _tame(value: float) -> float:
    """Return a number that can be drawn: a document may hold any."""
    return 0.0 if math.isnan(value) else max(-_MOST, min(float(value), _MOST))
