"""Verdict (what the code does) and gate (whether that is allowed)."""

from enum import StrEnum


class Verdict(StrEnum):
    """What memory does while the code is replayed."""

    CLEAN = "clean"
    LEAK = "leak"
    BOUNDED = "bounded"
    INCONCLUSIVE = "inconclusive"


class Gate(StrEnum):
    """Whether budgets and baseline allow the result."""

    WITHIN = "within"
    OVER = "over"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
