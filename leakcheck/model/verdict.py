"""Verdict (what the code does) and gate (whether that is allowed)."""

from enum import StrEnum


class Verdict(StrEnum):
    """What memory does while the code is replayed."""

    CLEAN = "clean"
    """It does not grow with the calls."""
    LEAK = "leak"
    """It grows with every call, without bound."""
    BOUNDED = "bounded"
    """It grows up to a limit."""
    INCONCLUSIVE = "inconclusive"
    """The calls or the time ran out before one of the others was certain."""


class Gate(StrEnum):
    """Whether budgets and baseline allow the result."""

    WITHIN = "within"
    OVER = "over"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
