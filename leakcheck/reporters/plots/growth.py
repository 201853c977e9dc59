"""Draw the growth of a run: one chart for a scenario's variants, or a panel for each result."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from leakcheck.reporters.charts.growth import GrowthChart, GrowthPanels, GrowthSeries, Position
from leakcheck.reporters.charts.labels import short_name
from leakcheck.reporters.plots.canvas import (
    DASHES,
    GRID,
    QUIET,
    ROLE_COLOURS,
    Drawing,
    draw_axis,
    label_ends,
    new_figure,
    note,
    titled,
)

_PANELS_ACROSS = 3


def growth_figure(panels: GrowthPanels) -> Drawing:
    """Return one large chart with its labels at the lines, or a panel for each of several."""
    return _one_chart(panels.charts[0], panels.note) if len(panels.charts) == 1 else _panels(panels)


def _one_chart(chart: GrowthChart, text: str) -> Drawing:
    figure = new_figure(8.6, 4.4)
    axes = figure.subplots()
    _draw(axes, chart)
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
        _draw(axes, chart, titles=False)
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


def _draw(axes: Axes, chart: GrowthChart, *, titles: bool = True) -> None:
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
