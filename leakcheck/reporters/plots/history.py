"""The history of one scenario: growth with bounds and peak by run, and the steps between runs."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.cells import bounds_are_known
from leakcheck.reporters.plots.canvas import (
    COLOURS,
    OVER,
    QUIET,
    Drawing,
    display_name,
    new_figure,
    note,
    number_axis,
    only_grid,
    unit_for,
)

_MOST_RUNS = 60
_MOST_NAMED = 20
_Figures = Callable[[HistoryEntry], tuple[float, float, float] | None]


def history_figure(records: Sequence[HistoryEntry], steps: Sequence[Regression]) -> Drawing:
    """Return two panels, growth above peak, for the newest runs; a run over budget has a filled mark."""
    drawn = records[-_MOST_RUNS:]
    figure = new_figure(8.6, 4.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2)).tolist()
    for axes, metric, figures, label in (
        (above, "growth", growth_of, "growth, {unit} / 1000 calls"),
        (below, "peak", peak_of, "peak, {unit}"),
    ):
        _draw(axes, drawn, figures, label)
        _draw_steps(axes, drawn, [step for step in steps if step.metric == metric])
    every = max(1, -(-len(drawn) // _MOST_NAMED))
    indices = [index for index in range(len(drawn)) if index % every == 0]
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(indices) > 6 else {}
    below.set_xticks(indices, [_run_name(drawn[index]) for index in indices], fontsize=8, **turned)
    below.set_xlim(-0.5, len(drawn) - 0.5)
    name = display_name(drawn[-1].scenario)
    above.set_title(f"{name}, run by run", fontsize=12, pad=18)
    newest = f"The newest {_MOST_RUNS} of {len(records)} runs. " if len(drawn) < len(records) else ""
    note(figure, f"{newest}Filled: over budget. Bars: the bounds between which the truth lies.")
    return Drawing(figure=figure, description=f"{name}: growth and peak of {len(drawn)} runs.")


def growth_of(record: HistoryEntry) -> tuple[float, float, float] | None:
    """Return the growth and its bounds, or None where they are unknown."""
    rate, low, high = record.growth_bytes_per_1000_calls, record.growth_low, record.growth_high
    if rate is None or low is None or high is None or not bounds_are_known(low, high):
        return None
    return rate, low, high


def peak_of(record: HistoryEntry) -> tuple[float, float, float] | None:
    """Return the peak, which is exact, three times: value and bounds."""
    peak = record.peak_bytes
    return None if peak is None else (peak, peak, peak)


def _draw(axes: Axes, records: Sequence[HistoryEntry], figures: _Figures, label: str) -> None:
    known = [(index, figure) for index, record in enumerate(records) if (figure := figures(record)) is not None]
    unit, scale = unit_for(max((abs(bound) for _, figure in known for bound in figure), default=0.0))
    axes.set_ylabel(label.format(unit=unit))
    number_axis(axes, "y", 5)
    only_grid(axes, "y")
    indices, rates = [index for index, _ in known], [figure[0] / scale for _, figure in known]
    axes.plot(indices, rates, color=COLOURS[0], linewidth=1.2)
    for index, (rate, low, high) in known:
        colour = OVER if records[index].gate is Gate.OVER else COLOURS[0]
        axes.plot((index, index), (low / scale, high / scale), color=colour, linewidth=1.2)
        filled = colour if records[index].gate is Gate.OVER else "white"
        axes.plot(index, rate / scale, marker="o", markersize=5, color=colour, markerfacecolor=filled)
    low, high = (pick((bound / scale for _, figure in known for bound in figure), default=0.0) for pick in (min, max))
    low, high = min(low, 0.0), max(high, 1.0 if unit == "B" else 0.0)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.18 * (high - low))


def _draw_steps(axes: Axes, records: Sequence[HistoryEntry], steps: Sequence[Regression]) -> None:
    for step in steps:
        index = next((index for index, record in enumerate(records) if record is step.after), None)
        if index is None:
            continue
        axes.axvline(index - 0.5, color=QUIET, linestyle="--", linewidth=0.9)
        axes.annotate(
            f"{'rose' if step.rose else 'fell'} to {format_size(step.after_bytes)}",
            xy=(index - 0.5, 1),
            xytext=(4, -2),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            va="top",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )


def _run_name(record: HistoryEntry) -> str:
    commit = (
        "" if record.git_commit is None else f"\n{display_name(record.git_commit[:9])}{'+' if record.git_dirty else ''}"
    )
    return f"{display_name(record.started[:10])}{commit}"
