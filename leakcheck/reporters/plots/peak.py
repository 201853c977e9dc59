"""The peak of one call: a bar for each variant with its value, and the budget."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from leakcheck.model.result import Result
from leakcheck.model.units import format_size
from leakcheck.reporters.plots.canvas import (
    BUDGET,
    OVER,
    WITHIN,
    Drawing,
    display_name,
    new_figure,
    note,
    number_axis,
    only_grid,
    unit_for,
)

_MOST_BARS = 20
_ROOM_FOR_LABEL = 0.1
"""A share of the axis, about as wide as a label."""


def peak_figure(results: Sequence[Result]) -> Drawing:
    """Return bars from zero for all results with a peak, the largest on top."""
    peaks = sorted((result.peak_bytes, n) for n, result in enumerate(results) if result.peak_bytes is not None)
    drawn = [(results[n], peak) for peak, n in reversed(peaks[-_MOST_BARS:])]
    is_one_scenario = len({result.scenario for result, _ in drawn}) == 1
    names = [display_name((result.variant or result.scenario) if is_one_scenario else result.id) for result, _ in drawn]
    budgets = [result.budget.peak_bytes for result, _ in drawn]
    largest = max(*(float(peak) for _, peak in drawn), *(budget or 0.0 for budget in budgets), 1.0)
    unit, scale = unit_for(largest)

    figure = new_figure(8.6, 1.5 + 0.34 * len(drawn))
    axes = figure.subplots()
    indices = list(range(len(drawn)))
    colours = [_colour(peak, budget) for (_, peak), budget in zip(drawn, budgets, strict=True)]
    axes.barh(indices, [peak / scale for _, peak in drawn], height=0.62, color=colours)
    axes.set_yticks(indices, names)
    axes.set_ylim(len(drawn) - 0.45, -0.55)
    axes.set_xlim(0, 1.12 * largest / scale)
    axes.set_xlabel(f"peak of one call, {unit}")
    number_axis(axes, "x")
    only_grid(axes, "x")
    for index, ((_, peak), budget) in enumerate(zip(drawn, budgets, strict=True)):
        end = peak / scale
        if budget is not None and 0 <= budget / scale - end < _ROOM_FOR_LABEL * axes.get_xlim()[1]:
            end = budget / scale  # else the budget's stroke would cross the text
        axes.annotate(
            format_size(peak),
            xy=(end, index),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    _draw_budgets(axes, budgets, scale)
    subject = f"{display_name(drawn[0][0].scenario)}: what" if is_one_scenario else "What"
    axes.set_title(f"{subject} one call holds at its peak", fontsize=12, pad=24 if _shared(budgets) else 12)
    note(figure, _notes(drawn, results, budgets))
    peaks_text = "; ".join(f"{name}: {format_size(peak)}" for name, (_, peak) in zip(names, drawn, strict=True))
    return Drawing(figure=figure, description=f"Peak memory of one call. {peaks_text}.")


def _colour(peak: float, budget: float | None) -> str:
    return OVER if budget is not None and peak > budget else WITHIN


def _shared(budgets: Sequence[float | None]) -> float | None:
    """Return the budget, where it is the same for all; else None."""
    return budgets[0] if len({*budgets}) == 1 else None


def _draw_budgets(axes: Axes, budgets: Sequence[float | None], scale: float) -> None:
    shared = _shared(budgets)
    if shared is not None:
        axes.axvline(shared / scale, color=BUDGET, linestyle=":", linewidth=1.4)
        axes.annotate(
            f"budget {format_size(shared)}",
            xy=(shared / scale, 1),
            xytext=(0, 4),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center" if shared / scale > _ROOM_FOR_LABEL * axes.get_xlim()[1] else "left",
        )
        return
    for index, budget in enumerate(budgets):
        if budget is not None:
            axes.plot((budget / scale,) * 2, (index - 0.42, index + 0.42), color=BUDGET, linewidth=1.6)


def _notes(drawn: Sequence[tuple[Result, int]], results: Sequence[Result], budgets: Sequence[float | None]) -> str:
    measured = sum(result.peak_bytes is not None for result in results)
    parts = []
    if len(drawn) < measured:
        parts.append(f"The {len(drawn)} dearest of {measured}.")
    if measured < len(results):
        unmeasured = len(results) - measured
        parts.append(f"{unmeasured} without a peak {'is' if unmeasured == 1 else 'are'} left out.")
    if _shared(budgets) is None and any(budget is not None for budget in budgets):
        parts.append("The upright strokes are the budgets.")
    return " ".join(parts)
