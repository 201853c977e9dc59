"""The cells of the tables, in every report: growth, sizes, durations, verdict and gate."""

from collections.abc import Callable, Mapping

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Budget, Growth, Result
from leakcheck.model.units import format_duration, format_growth, format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.baseline import is_excused

UNKNOWN_BYTES = 1e14
"""Bounds as wide as this mean that nothing is known yet."""

GATE_WORDS: Mapping[str, str] = {
    Gate.WITHIN: "pass",
    Gate.OVER: "FAIL",
    Gate.INCONCLUSIVE: "inconclusive",
    Gate.ERROR: "error",
}
"""The gates as every report calls them; the run document has the names of the enum."""
COUNTED_GATES = {Gate.OVER: "failed", Gate.ERROR: "error", Gate.INCONCLUSIVE: "inconclusive", Gate.WITHIN: "passed"}
"""How results of a gate are counted (`2 failed, 3 passed`), in this order."""


def size_text(size_bytes: float | None) -> str:
    """Return a size, or a dash where it was not measured."""
    return "-" if size_bytes is None else format_size(size_bytes)


def p50_text(result: Result) -> str:
    """Return the median latency, or a dash where it was not measured."""
    return "-" if result.latency_seconds is None else format_duration(result.latency_seconds.p50)


def bounds_are_known(low: float, high: float) -> bool:
    """Return whether bounds are narrow enough to mean something."""
    return max(abs(low), abs(high)) < UNKNOWN_BYTES


def with_margin(value: float, low: float, high: float, text: Callable[[float], str] = format_size) -> str:
    """Return a value with the wider of its bounds ("144 MiB ± 96 KiB"), or "unknown"."""
    margin = max(high - value, value - low)
    return "unknown" if margin > UNKNOWN_BYTES else f"{text(value)} ± {text(margin)}"


def growth_text(growth: Growth | None) -> str:
    """Return a growth per 1000 calls with the wider of its bounds, or a dash where it was not measured."""
    return "-" if growth is None else with_margin(growth.bytes_per_1000_calls, growth.low, growth.high)


def verdict_text(result: Result) -> str:
    """Return the verdict, or a dash where no growth was measured."""
    return "-" if result.growth is None else result.verdict.value


def gate_text(result: Result) -> str:
    """Return the gate with the reasons for it (`FAIL growth, peak`, `pass (known leak)`)."""
    return f"{GATE_WORDS[result.gate]} {gate_reasons(result)}".rstrip()


def gate_reasons(result: Result) -> str:
    """Return the exceeded budgets, and in brackets why one does not fail, and NEW; "" where there is nothing."""
    remarks = []
    if result.gate is Gate.WITHIN and any(leak.expired is None for leak in result.known_leaks):
        remarks.append("known leak")
    elif result.gate is Gate.WITHIN and is_excused(result):
        remarks.append("accepted")
    if result.is_new:
        remarks.append("NEW")
    budgets = ", ".join(result.over_budget).rstrip()
    return escape_control(f"{budgets} ({', '.join(remarks)})".lstrip() if remarks else budgets)


def budget_text(budget: Budget) -> str:
    """Return the budgets of growth and peak ("64 KiB / 1000 calls, peak 10 MiB")."""
    growth = format_growth(budget.growth_bytes_per_1000_calls)
    return growth if budget.peak_bytes is None else f"{growth}, peak {format_size(budget.peak_bytes)}"


def commit_text(commit: str, is_dirty: bool | None) -> str:
    """Return an abbreviated commit (`5aaf40e01 with changes`)."""
    return f"{commit[:9]}{' with changes' if is_dirty else ''}"
