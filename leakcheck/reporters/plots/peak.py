"""Draw the peaks of a run: a bar for each result with its value, and the budgets."""

from leakcheck.reporters.charts.bars import PeakChart
from leakcheck.reporters.charts.labels import short_name
from leakcheck.reporters.plots.canvas import ROLE_COLOURS, Drawing, draw_axis, new_figure, note, only_grid, titled

_ROOM_FOR_LABEL = 0.1
"""A share of the axis, about as wide as a label."""


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
