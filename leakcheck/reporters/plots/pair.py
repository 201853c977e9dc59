"""Draw two results beside each other: a panel for each metric, with two bars."""

from matplotlib.axes import Axes

from leakcheck.reporters.charts.pair import PairChart, PairPanel, label_of
from leakcheck.reporters.plots.canvas import COLOURS, INK, QUIET, Drawing, draw_axis, new_figure, only_grid

_COLOURS = (COLOURS[4], COLOURS[0])


def pair_figure(chart: PairChart) -> Drawing:
    """Return the panels side by side."""
    figure = new_figure(9.6, 2.7)
    panels = figure.subplots(1, len(chart.panels), sharey=True).tolist()
    for axes, panel in zip(panels, chart.panels, strict=True):
        _draw(axes, panel)
    panels[0].set_yticks([0, 1], chart.names)
    panels[0].set_ylim(1.55, -0.55)
    figure.suptitle(chart.title, x=0.01, ha="left", fontweight="bold")
    return Drawing(figure=figure, description=chart.description)


def _draw(axes: Axes, panel: PairPanel) -> None:
    for index, (bar, colour) in enumerate(zip(panel.bars, _COLOURS, strict=True)):
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
