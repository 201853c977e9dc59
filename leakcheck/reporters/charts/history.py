"""The history of one scenario: growth with bounds and peak by run, and the steps between runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.charts.axis import Axis, Tick, bytes_axis
from leakcheck.reporters.charts.labels import OVER, WITHIN, short_name
from leakcheck.reporters.messages.cells import bounds_are_known

_MOST_RUNS = 60
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """The figure of one run, the `index`th that is drawn."""

    index: int
    value: float
    low: float
    high: float
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPanel:
    """One metric by run."""

    axis: Axis
    points: tuple[HistoryPoint, ...]
    steps: tuple[Tick, ...]
    """Where the metric left its level: between two runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryChart:
    """Growth above peak for the newest runs of a scenario."""

    title: str
    x: Axis
    panels: tuple[HistoryPanel, HistoryPanel]
    note: str

    @property
    def description(self) -> str:
        """The chart in words."""
        metrics = " and ".join(panel.axis.title for panel in self.panels)
        return f"{self.title}: {metrics} of {round(self.x.high + 0.5)} runs."


def history_chart(entries: Sequence[HistoryEntry], steps: Sequence[Regression]) -> HistoryChart:
    """Return the chart of the newest runs."""
    drawn = entries[-_MOST_RUNS:]
    every = max(1, -(-len(drawn) // _MOST_NAMED))
    ticks = tuple(Tick(value=index, label=_run_name(drawn[index])) for index in range(0, len(drawn), every))
    newest = f"The newest {_MOST_RUNS} of {len(entries)} runs. " if len(drawn) < len(entries) else ""
    figures = [entry.growth for entry in drawn]
    growths = [(None,) * 3 if figure is None else (figure.value, figure.low, figure.high) for figure in figures]
    peaks = [(entry.peak_bytes,) * 3 for entry in drawn]
    return HistoryChart(
        title=f"{short_name(drawn[-1].scenario)}, run by run",
        x=Axis(title="runs", unit="runs", low=-0.5, high=len(drawn) - 0.5, ticks=ticks),
        panels=(
            _panel("growth per 1000 calls", drawn, growths, [step for step in steps if step.metric == "growth"]),
            _panel("peak memory of one call", drawn, peaks, [step for step in steps if step.metric == "peak"]),
        ),
        note=f"{newest}Filled: over budget. Bars: the bounds.",
    )


def _panel(
    title: str,
    entries: Sequence[HistoryEntry],
    figures: Sequence[tuple[float | None, float | None, float | None]],
    steps: Sequence[Regression],
) -> HistoryPanel:
    points = [
        HistoryPoint(index=index, value=value, low=low, high=high, role=OVER if entry.gate is Gate.OVER else WITHIN)
        for index, (entry, (value, low, high)) in enumerate(zip(entries, figures, strict=True))
        if value is not None and low is not None and high is not None and bounds_are_known(low, high)
    ]
    low, high = min([0.0, *(point.low for point in points)]), max([1.0, *(point.high for point in points)])
    indices = {entry: index for index, entry in enumerate(entries)}
    labels = [(step.after, f"{'rose' if step.rose else 'fell'} to {format_size(step.after_bytes)}") for step in steps]
    return HistoryPanel(
        axis=bytes_axis(title, low - 0.06 * (high - low), high + 0.18 * (high - low)),
        points=tuple(points),
        steps=tuple(Tick(value=indices[run] - 0.5, label=label) for run, label in labels if run in indices),
    )


def _run_name(entry: HistoryEntry) -> str:
    commit = "" if entry.git_commit is None else f"\n{entry.git_commit[:9]}{'+' if entry.git_dirty else ''}"
    return f"{entry.started[:10]}{commit}"
