"""Axes: map values to positions between 0 and 1, with ticks at round numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

_LARGEST = 1e30
BINARY_UNITS = (("B", 1.0), ("KiB", 1024.0), ("MiB", 1024.0**2), ("GiB", 1024.0**3))
_SECOND_UNITS = (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0))
_ROUND_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled mark on an axis."""

    position: float
    """From 0 to 1."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis from `low` to `high`."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def position(self, value: float) -> float:
        """Return the position of a value: 0 at `low`, 1 at `high`, and outside of both for a value that is."""
        return (finite(value) - self.low) / (self.high - self.low)


def bytes_axis(low: float, high: float) -> Axis:
    """Return an axis of sizes, with all ticks in one unit."""
    name, unit = unit_for(BINARY_UNITS, max(abs(finite(low)), abs(finite(high))))
    return _axis(low, high, unit, lambda value: "0" if not value else f"{value / unit:,.10g} {name}")


def seconds_axis(high: float) -> Axis:
    """Return an axis of durations that begins at 0."""
    name, unit = unit_for(_SECOND_UNITS, finite(high))
    return _axis(0.0, high, unit, lambda value: "0" if not value else f"{value / unit:,.10g} {name}")


def count_axis(low: float, high: float) -> Axis:
    """Return an axis of counts."""
    return _axis(low, high, 1.0, lambda value: f"{value:,.10g}", least_step=1.0)


def _axis(low: float, high: float, unit: float, label: Callable[[float], str], least_step: float = 0.0) -> Axis:
    low, high = finite(low), finite(high)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        high = low + max(abs(low), unit)
    step = max(_round_step((high - low) / 5 / unit) * unit, least_step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    ticks = tuple(Tick(position=(value - low) / (high - low), label=label(value)) for value in values)
    return Axis(low=low, high=high, ticks=ticks)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in _ROUND_STEPS if step * power >= rough * (1 - 1e-9))


def unit_for(units: tuple[tuple[str, float], ...], value: float) -> tuple[str, float]:
    """Return the largest unit, of those from small to large, that is not more than the value; else the smallest."""
    return next((unit for unit in reversed(units) if value >= unit[1]), units[0])


def finite(value: float) -> float:
    """Return a number that can be drawn: a document may contain infinities."""
    return 0.0 if math.isnan(value) else max(-_LARGEST, min(float(value), _LARGEST))
