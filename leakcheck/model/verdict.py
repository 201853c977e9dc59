"""The two answers: the verdict says what the code does, the gate what the team allows."""

from enum import StrEnum


class Verdict(StrEnum):
    """What the code does."""

    CLEAN = "clean"
    LEAK = "leak"
    BOUNDED = "bounded"
    INCONCLUSIVE = "inconclusive"


class Gate(StrEnum):
    """What the team allows."""

    WITHIN = "within"
    OVER = "over"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
