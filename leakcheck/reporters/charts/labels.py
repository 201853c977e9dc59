"""Names, notes and colour roles, and where labels go that would overlap."""

from collections.abc import Sequence

WITHIN, OVER, UNKNOWN = "within", "over", "unknown"
"""The colour roles of a figure that is within its budget, over it, or not known well enough."""


def short_name(name: str, longest: int = 44) -> str:
    """Return a name with its middle left out where it is long."""
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[len(name) - (longest - 1 - head) :]}"


def spread(positions: Sequence[float], high: float, *, low: float = 0.0, gap: float = 1.0) -> list[float]:
    """Return ascending positions moved to be at least `gap` apart and, unless too many, between `low` and `high`."""
    moved: list[float] = []
    for position in positions:
        moved.append(max(position, moved[-1] + gap if moved else low))
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], high)
        high = moved[index] - gap
    return moved


def left_out(drawn: int, drawable: int, results: int, *, drawn_first: str, missing: str) -> str:
    """Return how many results are not drawn, and why; "" if all are."""
    without = results - drawable
    plural, verb = ("", "is") if without == 1 else ("s", "are")
    return " ".join(
        [f"The {drawn} {drawn_first} of {drawable}."] * (drawn < drawable)
        + [f"{without} result{plural} without {missing} {verb} left out."] * (without > 0)
    )
