"""Axes with a title, a unit and ticks at round numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

_LARGEST = 1e30
_BINARY_UNITS = (("B", 1.0), ("KiB", 1024.0), ("MiB", 1024.0**2), ("GiB", 1024.0**3))
_SECOND_UNITS = (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0))
_ROUND_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled mark on an axis."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis from `low` to `high`."""

    title: str
    unit: str
    low: float
    high: float
    ticks: tuple[Tick, ...]

    def position(self, value: float) -> float:
        """Return the position of a value: 0 at `low`, 1 at `high`, and outside of both for a value that is."""
        return (finite(value) - self.low) / (self.high - self.low)


def bytes_axis(title: str, low: float, high: float, *, steps: int = 5) -> Axis:
    """Return an axis of sizes, with all ticks in one unit."""
    return _axis(title, low, high, *_unit_for(_BINARY_UNITS, max(abs(finite(low)), abs(finite(high)))), steps=steps)


def seconds_axis(title: str, low: float, high: float, *, steps: int = 5) -> Axis:
    """Return an axis of durations."""
    return _axis(title, low, high, *_unit_for(_SECOND_UNITS, finite(high)), steps=steps)


def count_axis(title: str, low: float, high: float, *, unit: str = "") -> Axis:
    """Return an axis of counts, with four steps: thousands are wide."""
    return _axis(title, low, high, unit, 1.0, steps=4, least_step=1.0, label=lambda value: f"{value:,.10g}")


def _axis(
    title: str,
    low: float,
    high: float,
    unit: str,
    scale: float,
    *,
    steps: int,
    least_step: float = 0.0,
    label: Callable[[float], str] | None = None,
) -> Axis:
    low, high = finite(low), finite(high)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        high = low + max(abs(low), scale)
    step = max(_round_step((high - low) / steps / scale) * scale, least_step)
    values = [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    texts = map(label or (lambda value: f"{value / scale:,.10g} {unit}" if value else "0"), values)
    ticks = tuple(Tick(value=value, label=text.replace("-", "−")) for value, text in zip(values, texts, strict=True))
    return Axis(title=title, unit=unit, low=low, high=high, ticks=ticks)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in _ROUND_STEPS if step * power >= rough * (1 - 1e-9))


def _unit_for(units: tuple[tuple[str, float], ...], value: float) -> tuple[str, float]:
    return next((unit for unit in reversed(units) if value >= unit[1]), units[0])


def finite(value: float) -> float:
    """Return a number that can be drawn: a document may contain infinities."""
    return 0.0 if math.isnan(value) else max(-_LARGEST, min(float(value), _LARGEST))
