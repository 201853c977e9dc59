"""Step detection over the history of a scenario: between which two runs a figure left its level.

Exact meters differ next to nothing from run to run, so the few runs of a history need no statistics: a figure has
stepped when its bounds lie beyond those of an earlier run of the same level by more than a share and a size. Each run
is compared with every run of its level, so a figure that creeps, by less than that from one run to the next, is found
too, and the step then spans all runs on the way.
"""

from collections.abc import Callable, Sequence

from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.result import Meter
from leakcheck.model.verdict import Verdict

SHARE, SIZE_BYTES = 0.05, 16 * 1024
"""A step exceeds both: 5 %, and 16 KiB."""

_UNKNOWN_BYTES = 1e14
Bounds = tuple[float, float]
"""The lowest and the highest value that a figure may have."""


def find_regressions(records: Sequence[HistoryEntry]) -> list[Regression]:
    """Return the steps of one scenario's history, whose entries are in order of time; the newest step last."""
    steps = [
        Regression(
            metric=metric,
            before=records[before],
            after=records[after],
            before_bytes=_middle(figures[before]),
            after_bytes=_middle(figures[after]),
        )
        for metric, figure in _FIGURES.items()
        for figures in [[figure(record) for record in records]]
        for before, after in find_steps(figures)
    ]
    return sorted(steps, key=lambda step: step.after.started_seconds)


def find_steps(figures: Sequence[Bounds | None]) -> list[tuple[int, int]]:
    """Return the indexes of each step up or down: the last run of the old level, and the first of the new one.

    None is a run without a usable figure, which neither steps nor ends a level.
    """
    steps: list[tuple[int, int]] = []
    level: list[int] = []
    for index, figure in enumerate(figures):
        if figure is None:
            continue
        beyond = [other for other in level if _differ(figures[other], figure)]
        if beyond:
            steps.append((beyond[-1], index))
            level = []
        level.append(index)
    return steps


def _differ(before: Bounds | None, after: Bounds) -> bool:
    return before is not None and (_is_above(after, before) or _is_above(before, after))


def _is_above(upper: Bounds, lower: Bounds) -> bool:
    """Return whether bounds lie above others by more than the share and the size; above zero, any rise counts."""
    level = lower[1]
    return upper[0] > (max(level * (1 + SHARE), level + SIZE_BYTES) if level > 0 else 0)


def _growth(record: HistoryEntry) -> Bounds | None:
    """Return the bounds of the growth: 0 for a clean or bounded run, None where no exact meter measured it."""
    low, high = record.growth_low, record.growth_high
    if low is None or high is None or record.verdict is Verdict.INCONCLUSIVE:
        return None
    if record.verdict is not Verdict.LEAK:
        return 0.0, 0.0
    if record.meter != Meter.HEAP or max(abs(low), abs(high)) >= _UNKNOWN_BYTES:
        return None
    return low, high


def _peak(record: HistoryEntry) -> Bounds | None:
    return None if record.peak_bytes is None else (record.peak_bytes, record.peak_bytes)


_FIGURES: dict[str, Callable[[HistoryEntry], Bounds | None]] = {"growth": _growth, "peak": _peak}


def _middle(bounds: Bounds | None) -> float:
    return 0.0 if bounds is None else (bounds[0] + bounds[1]) / 2
