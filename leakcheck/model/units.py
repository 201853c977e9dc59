"""Parse and format sizes, growth rates, tolerances and durations.

Everywhere else in leakcheck a size is a number of bytes and a growth a number of bytes per 1000 calls.
"""

import math
import re

from leakcheck.model.errors import UsageError

CALLS_PER_RATE = 1000
"""Growth is always given per this many calls."""

_BYTES_PER_UNIT = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3, "GiB": 1024**3}
_PRINTED_UNITS = ("B", "KiB", "MiB", "GiB")

_QUANTITY = re.compile(
    r"""\s* (?P<number>\d{1,15}(?:\.\d*)?|\.\d+) \s* (?P<unit>[A-Za-z]+)
        \s* (?: / \s* (?P<calls>\d{1,15})? \s* calls? )? \s*""",
    re.VERBOSE,
)
_SIZE = "NUMBER (B|kB|KiB|MB|MiB|GB|GiB), for example '10 MiB'"
_GROWTH = "NUMBER (B|kB|KiB|MB|MiB|GB|GiB) [/ [N] calls], for example '64 KiB / 1000 calls'"
_CHANGE = re.compile(r"\s*\+?\s*(?P<percent>\d{1,9}(?:\.\d*)?|\.\d+)\s*%\s+and\s+\+?\s*(?P<size>[^+\s].*)")


def parse_size(text: str) -> float:
    """Return the number of bytes of `text` ("10 MiB", "1.5kB", "10 MiB / call").

    Raises UsageError for anything else, including a size per several calls.
    """
    size_bytes, calls = _parse(text, _SIZE)
    if calls not in (None, 1):
        raise UsageError(f"{text!r} is a growth; a size is for one call, as in '10 MiB'")
    return size_bytes


def parse_growth(text: str) -> float:
    """Return the bytes per 1000 calls of `text` ("64 KiB / 1000 calls", "16 B / call").

    Without "/ N calls" the size is per 1000 calls. Raises UsageError for anything else.
    """
    size_bytes, calls = _parse(text, _GROWTH)
    return size_bytes * CALLS_PER_RATE / (calls or CALLS_PER_RATE)


def _parse(text: str, grammar: str) -> tuple[float, int | None]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a size; write {grammar}")
    unit = match["unit"]
    if unit not in _BYTES_PER_UNIT:
        raise UsageError(
            f"{text!r}: there is no unit {unit!r}; the units are {', '.join(_BYTES_PER_UNIT)}{_hint(unit)}"
        )
    calls = None
    if "/" in text:
        calls = int(match["calls"] or 1)
        if calls == 0:
            raise UsageError(f"{text!r}: a growth cannot be per 0 calls; write '/ 1000 calls'")
    return float(match["number"]) * _BYTES_PER_UNIT[unit], calls


def _hint(unit: str) -> str:
    matches = [known for known in _BYTES_PER_UNIT if known.lower() in (unit.lower(), unit.lower() + "b")]
    return f"; did you mean {matches[0]}?" if matches else ""


def format_size(size_bytes: float) -> str:
    """Return a size with three digits and a binary unit, whole bytes below 1 KiB ("93.1 MiB")."""
    if not math.isfinite(size_bytes):
        return "unknown"
    unit = max(0, min(int(math.log(max(abs(size_bytes), 1), 1024)), len(_PRINTED_UNITS) - 1))
    if unit == 0:
        return f"{size_bytes:.0f} B"
    value = size_bytes / 1024**unit
    decimals = max(0, 2 - int(math.log10(max(abs(value), 1))))
    return f"{value:,.{decimals}f} {_PRINTED_UNITS[unit]}"


def format_size_beside(size_bytes: float, other_bytes: float) -> str:
    """Return `size_bytes` formatted; in bytes if rounding would make it look equal to `other_bytes`."""
    if size_bytes != other_bytes and format_size(size_bytes) == format_size(other_bytes):
        return f"{size_bytes:,.{0 if size_bytes == int(size_bytes) else 1}f} B"
    return format_size(size_bytes)


def format_growth(bytes_per_1000_calls: float) -> str:
    """Return a growth in the format of `parse_growth` ("64.0 KiB / 1000 calls")."""
    return f"{format_size(bytes_per_1000_calls).replace(',', '')} / {CALLS_PER_RATE} calls"


def parse_change(text: str) -> tuple[float, float]:
    """Return the share and the bytes of `text` ("+5 % and +16 KiB"): 0.05 and 16384.

    Both parts are required: a share alone allows almost no change of a small figure, a size alone hardly any of a large
    one. Raises UsageError for anything else.
    """
    match = _CHANGE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a change; write both parts, as in '+5 % and +16 KiB'")
    return float(match["percent"]) / 100, parse_size(match["size"])


def format_change(share: float, size_bytes: float) -> str:
    """Return a tolerance in the format of `parse_change`, to six decimals ("+5 % and +16 KiB")."""
    exact_units = [unit for unit in _PRINTED_UNITS if size_bytes and size_bytes % _BYTES_PER_UNIT[unit] == 0]
    unit = exact_units[-1] if exact_units else "B"
    return f"{format_share(share)} and +{_digits(size_bytes / _BYTES_PER_UNIT[unit])} {unit}"


def format_share(share: float) -> str:
    """Return the first part of a tolerance, to six decimals ("+5 %")."""
    return f"+{_digits(100 * share)} %"


def _digits(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def format_difference(after: float, before: float) -> str:
    """Return the change from `before` to `after` ("+3.1 %", "-12.0 %"), in bytes if `before` is 0 or less.

    A change of 1000 % or more is printed as a factor ("14 times").
    """
    if before <= 0:
        return f"{'+' if after >= before else '-'}{format_size(abs(after - before))}"
    percent = 100 * (after - before) / before
    if abs(percent) >= 1000:
        return f"{after / before:,.0f} times"
    return f"{percent:+.{0 if abs(percent) >= 100 else 1}f} %"


def format_per_call(count: float, noun: str) -> str:
    """Return a count per call, to two decimals ("1 item per call", "0.5 items per call")."""
    number = f"{count:,.2f}".rstrip("0").rstrip(".")
    return f"{number} {noun}{'' if number == '1' else 's'} per call"


def format_duration(seconds: float) -> str:
    """Return a duration with its unit ("1.9 s", "340 µs", "2 min 5 s")."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{seconds * 1e9:.0f} ns"
