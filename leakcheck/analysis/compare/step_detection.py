"""Where a scenario stepped: the runs whose figures left the level of those before.

Figures of exact meters differ from run to run by next to nothing, so no statistics are needed for
the few runs there are: a figure has stepped when its bounds lie beyond those of an earlier run of
the same level by more than a share and a size. The best run of a level is what counts. So one that
creeps, by less than that from each run to the next, is found as well, and then all the runs on the
way are named.
"""

from collections.abc import Callable, Sequence

from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.result import Meter
from leakcheck.model.verdict import Verdict

SHARE, SIZE_BYTES = 0.05, 16 * 1024
"""A change is more than both: five percent, and 16 KiB."""

_UNKNOWN_BYTES = 1e14
Bounds = tuple[float, float]
"""The lowest and the highest that a figure can be."""


def steps_of(records: Sequence[HistoryEntry]) -> list[Regression]:
    """Return the steps of one series, whose records are in order of time; the newest step last."""
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
    """Return where figures stepped up or down: the last one of another level, and the first of the new one.

    None is a run of which nothing is known, and neither steps nor ends a level.
    """
    steps: list[tuple[int, int]] = []
    level: list[int] = []
    for at, figure in enumerate(figures):
        if figure is None:
            continue
        beyond = [other for other in level if _differ(figures[other], figure)]
        if beyond:
            steps.append((beyond[-1], at))
            level = []
        level.append(at)
    return steps


def _differ(before: Bounds | None, after: Bounds) -> bool:
    return before is not None and (_is_above(after, before) or _is_above(before, after))


def _is_above(upper: Bounds, lower: Bounds) -> bool:
    """Tell whether one lies above another by more than the share and the size; above nothing, by anything."""
    level = lower[1]
    return upper[0] > (max(level * (1 + SHARE), level + SIZE_BYTES) if level > 0 else 0)


def _growth(record: HistoryEntry) -> Bounds | None:
    """Return the growth's bounds: nothing for what stands still or has a limit; None where no exact meter tells."""
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
