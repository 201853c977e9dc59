"""Step detection over the history of a scenario: between which two runs a figure left its level.

Exact meters differ next to nothing from run to run, so the few runs of a history need no statistics: a figure has
stepped when it is worse or better than an earlier run of the same level. Each run is compared with every run of its
level, so a figure that creeps, by less than the tolerance from run to run, is found too: the step spans all these runs.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter

from leakcheck.analysis.gate.baseline import exact_growth
from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.tolerance import ChangeVerdict, Figure, Tolerance

_STEPS = (ChangeVerdict.WORSE, ChangeVerdict.BETTER)


def find_regressions(records: Sequence[HistoryEntry], tolerance: Tolerance) -> list[Regression]:
    """Return the steps of one scenario's history, whose entries are in order of time; the newest step last."""
    steps = [
        Regression(
            metric=metric, before=records[before], after=records[after], before_bytes=old.value, after_bytes=new.value
        )
        for metric, read in _FIGURES.items()
        for before, after, old, new in find_steps(list(map(read, records)), tolerance)
    ]
    return sorted(steps, key=lambda step: step.after.started_seconds)


def find_steps(figures: Sequence[Figure | None], tolerance: Tolerance) -> list[tuple[int, int, Figure, Figure]]:
    """Return each step up or down: the index of the old level's last run, that of the new level's first, the figures.

    None is a run without a usable figure, which neither steps nor ends a level.
    """
    steps: list[tuple[int, int, Figure, Figure]] = []
    level: list[tuple[int, Figure]] = []
    lowest = highest = Figure.exact(0)
    for index, figure in enumerate(figures):
        if figure is None:
            continue
        # the tolerance's limits rise with a figure: where the extremes of a level are not left, no run of it is
        if level and any(tolerance.compare(extreme, figure) in _STEPS for extreme in (lowest, highest)):
            left = [(number, other) for number, other in level if tolerance.compare(other, figure) in _STEPS]
            steps.append((left[-1][0], index, left[-1][1], figure))
            level = []
        lowest = min(lowest, figure, key=attrgetter("high")) if level else figure
        highest = max(highest, figure, key=attrgetter("low")) if level else figure
        level.append((index, figure))
    return steps


def _growth(record: HistoryEntry) -> Figure | None:
    return None if record.growth is None else exact_growth(record.verdict, record.growth, record.meter)


def _peak(record: HistoryEntry) -> Figure | None:
    return None if record.peak_bytes is None else Figure.exact(record.peak_bytes)


_FIGURES: dict[str, Callable[[HistoryEntry], Figure | None]] = {"growth": _growth, "peak": _peak}
