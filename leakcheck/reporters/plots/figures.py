"""Draw each chart as a figure of matplotlib."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from leakcheck.reporters.charts.bars import PeakChart
from leakcheck.reporters.charts.growth import GrowthChart, GrowthPanels, GrowthSeries, Position
from leakcheck.reporters.charts.history import HistoryChart, HistoryPanel
from leakcheck.reporters.charts.labels import OVER, WITHIN, short_name
from leakcheck.reporters.charts.pair import PairChart, PairPanel, label_of
from leakcheck.reporters.plots.canvas import (
    COLOURS,
    DASHES,
    GRID,
    INK,
    PAPER,
    QUIET,
    ROLE_COLOURS,
    Drawing,
    draw_axis,
    label_ends,
    new_figure,
    note,
    only_grid,
    titled,
)

_PANELS_ACROSS = 3
_PAIR_COLOURS = (COLOURS[4], COLOURS[0])
_ROOM_FOR_LABEL = 0.1
"""A share of the axis, about as wide as a label."""


def growth_figure(panels: GrowthPanels) -> Drawing:
    """Return one large chart with its labels at the lines, or a panel for each of several."""
    return _one_chart(panels.charts[0], panels.note) if len(panels.charts) == 1 else _panels(panels)


def _one_chart(chart: GrowthChart, text: str) -> Drawing:
    figure = new_figure(8.6, 4.4)
    axes = figure.subplots()
    _draw_growth(axes, chart)
    axes.set_title(titled(chart.subject, chart.title), fontsize=12, pad=12)
    ends: list[tuple[str, Position, str]] = [(line.label, line.points[-1], line.role) for line in chart.series]
    for _, end, role in ends:
        axes.plot(*end, marker="o", markersize=4, color=ROLE_COLOURS[role], clip_on=False)
    ends += [(budget.label, budget.end, "budget") for budget in chart.budgets]
    label_ends(axes, ends)
    note(figure, text)
    return Drawing(figure=figure, description=chart.description)


def _panels(panels: GrowthPanels) -> Drawing:
    charts = panels.charts
    across = min(_PANELS_ACROSS, len(charts))
    down = -(-len(charts) // across)
    figure = new_figure(3.4 * across, 2.7 * down + 0.6)
    every = figure.subplots(down, across, squeeze=False).flatten().tolist()
    for axes, chart in zip(every, charts, strict=False):
        _draw_growth(axes, chart, titles=False)
        labels = [line.label for line in chart.series] + [budget.label for budget in chart.budgets]
        axes.set_title(short_name(chart.subject, 34), fontsize=9, pad=6 + 11 * len(labels))
        axes.annotate(
            "\n".join(labels),
            xy=(0, 1),
            xytext=(0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            color=QUIET,
        )
    for axes in every[len(charts) :]:
        axes.set_visible(False)
    for axes in every[max(len(charts) - across, 0) : len(charts)]:
        axes.set_xlabel(charts[0].x.title)
    figure.suptitle(charts[0].title, x=0.01, ha="left", fontweight="bold")
    figure.supylabel(charts[0].y.title, fontsize=9, color=QUIET)
    note(figure, panels.note)
    return Drawing(figure=figure, description=" ".join(chart.description for chart in charts))


def _draw_growth(axes: Axes, chart: GrowthChart, *, titles: bool = True) -> None:
    draw_axis(axes, "x", chart.x, title=titles)
    draw_axis(axes, "y", chart.y, title=titles)
    if chart.warm_up:
        axes.axvspan(chart.x.low, 0, color=GRID, alpha=0.5, linewidth=0)
    for number, line in enumerate(chart.series):
        _draw_line(axes, line, DASHES[number // 4 % len(DASHES)])
    for budget in chart.budgets:
        axes.plot(*_columns(((0.0, 0.0), budget.end)), color=ROLE_COLOURS["budget"], linestyle=":", linewidth=1.2)


def _draw_line(axes: Axes, line: GrowthSeries, dashes: str) -> None:
    colour = ROLE_COLOURS[line.role]
    if line.fit:
        axes.fill(*_columns(line.band), color=colour, alpha=0.15, linewidth=0)
        axes.plot(*_columns(line.fit), color=colour, linewidth=0.7, alpha=0.9)
    axes.plot(*_columns(line.points), color=colour, linestyle=dashes, linewidth=1.8)


def _columns(positions: Sequence[Position]) -> tuple[list[float], list[float]]:
    return [float(call) for call, _ in positions], [float(value) for _, value in positions]


def peak_figure(chart: PeakChart) -> Drawing:
    """Return bars from zero, in the order of the chart."""
    figure = new_figure(8.6, 1.5 + 0.34 * len(chart.bars))
    axes = figure.subplots()
    draw_axis(axes, "x", chart.axis)
    only_grid(axes, "x")
    axes.set_yticks(range(len(chart.bars)), [short_name(bar.name) for bar in chart.bars])
    axes.set_ylim(len(chart.bars) - 0.45, -0.55)
    axes.set_title(titled(chart.subject, chart.title), fontsize=12, pad=12)
    for index, bar in enumerate(chart.bars):
        axes.barh(index, bar.peak, height=0.62, color=ROLE_COLOURS[bar.role])
        end = bar.peak
        if bar.budget is not None:
            stroke = (bar.budget, bar.budget), (index - 0.5, index + 0.5)
            axes.plot(*stroke, color=ROLE_COLOURS["budget"], linestyle=":", linewidth=1.4)
            if 0 <= chart.axis.position(bar.budget) - chart.axis.position(end) < _ROOM_FOR_LABEL:
                end = bar.budget  # else the budget's stroke would cross the text
        axes.annotate(bar.label, xy=(end, index), xytext=(4, 0), textcoords="offset points", va="center")
    note(figure, chart.note)
    return Drawing(figure=figure, description=chart.description)


def history_figure(chart: HistoryChart) -> Drawing:
    """Return a panel for each metric; a run over budget has a filled mark."""
    figure = new_figure(8.6, 4.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2)).tolist()
    for axes, panel in zip((above, below), chart.panels, strict=True):
        _draw_history(axes, panel)
    draw_axis(below, "x", chart.x, title=False)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(chart.x.ticks) > 6 else {}
    below.set_xticks(below.get_xticks(), [tick.label for tick in chart.x.ticks], fontsize=8, **turned)
    above.set_title(chart.title, fontsize=12, pad=18)
    note(figure, chart.note)
    return Drawing(figure=figure, description=chart.description)


def _draw_history(axes: Axes, panel: HistoryPanel) -> None:
    draw_axis(axes, "y", panel.axis)
    only_grid(axes, "y")
    indices, values = [point.index for point in panel.points], [point.value for point in panel.points]
    axes.plot(indices, values, color=ROLE_COLOURS[WITHIN], linewidth=1.2)
    for point in panel.points:
        colour = ROLE_COLOURS[point.role]
        axes.plot((point.index, point.index), (point.low, point.high), color=colour, linewidth=1.2)
        filled = colour if point.role == OVER else PAPER
        axes.plot(point.index, point.value, marker="o", markersize=5, color=colour, markerfacecolor=filled)
    for step in panel.steps:
        axes.axvline(step.value, color=QUIET, linestyle="--", linewidth=0.9)
        axes.annotate(
            step.label,
            xy=(step.value, 1),
            xytext=(4, -2),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            va="top",
            fontsize=8,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )


def pair_figure(chart: PairChart) -> Drawing:
    """Return the panels side by side."""
    figure = new_figure(9.6, 2.7)
    panels = figure.subplots(1, len(chart.panels), sharey=True).tolist()
    for axes, panel in zip(panels, chart.panels, strict=True):
        _draw_pair(axes, panel)
    panels[0].set_yticks([0, 1], chart.names)
    panels[0].set_ylim(1.55, -0.55)
    figure.suptitle(chart.title, x=0.01, ha="left", fontweight="bold")
    return Drawing(figure=figure, description=chart.description)


def _draw_pair(axes: Axes, panel: PairPanel) -> None:
    for index, (bar, colour) in enumerate(zip(panel.bars, _PAIR_COLOURS, strict=True)):
        if bar is not None:
            axes.barh(index, bar.value, height=0.6, color=colour)
            if panel.has_visible_bounds(bar):
                axes.plot((bar.low, bar.high), (index, index), color=INK, linewidth=1.0, marker="|", markersize=6)
        end = max(bar.high, 0.0) if bar else 0.0
        axes.annotate(label_of(bar), xy=(end, index), xytext=(5, 0), textcoords="offset points", va="center")
    draw_axis(axes, "x", panel.axis)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_title(panel.title)
    only_grid(axes, "x")
