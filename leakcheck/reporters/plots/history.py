"""Draw the history of one scenario: growth with bounds above peak, run by run."""

from matplotlib.axes import Axes

from leakcheck.reporters.charts.history import HistoryChart, HistoryPanel
from leakcheck.reporters.charts.labels import OVER, WITHIN
from leakcheck.reporters.plots.canvas import PAPER, QUIET, ROLE_COLOURS, Drawing, draw_axis, new_figure, note, only_grid


def history_figure(chart: HistoryChart) -> Drawing:
    """Return a panel for each metric; a run over budget has a filled mark."""
    figure = new_figure(8.6, 4.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2)).tolist()
    for axes, panel in zip((above, below), chart.panels, strict=True):
        _draw(axes, panel)
    draw_axis(below, "x", chart.x, title=False)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(chart.x.ticks) > 6 else {}
    below.set_xticks(below.get_xticks(), [tick.label for tick in chart.x.ticks], fontsize=8, **turned)
    above.set_title(chart.title, fontsize=12, pad=18)
    note(figure, chart.note)
    return Drawing(figure=figure, description=chart.description)


def _draw(axes: Axes, panel: HistoryPanel) -> None:
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
