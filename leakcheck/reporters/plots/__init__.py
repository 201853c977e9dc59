"""Plots for a slide or a pull request, drawn with matplotlib, which is imported when one is drawn.

Two renderings of a run are the same bytes, so a plot that is committed changes only when its figures do.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from leakcheck.model.comparison import ScenarioComparison
from leakcheck.model.errors import UsageError
from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.result import Result
from leakcheck.reporters.charts.bars import PeakChart, peak_chart
from leakcheck.reporters.charts.growth import GrowthPanels, growth_panels
from leakcheck.reporters.charts.history import HistoryChart, history_chart
from leakcheck.reporters.charts.pair import PairChart, pair_chart
from leakcheck.reporters.escape import escape_arguments

if TYPE_CHECKING:
    from leakcheck.reporters.plots.canvas import Drawing

FORMATS = ("svg", "png")


@escape_arguments
def draw_run(results: Sequence[Result], formats: Sequence[str] = FORMATS) -> Iterator[tuple[str, bytes]]:
    """Yield `growth` and `peak` in each format, as far as they were measured. Raise UsageError without matplotlib."""
    yield from _draw("growth", growth_panels(results), formats)
    yield from _draw("peak", peak_chart(results), formats)


@escape_arguments
def draw_pair(
    before: Result, after: Result, comparison: ScenarioComparison, formats: Sequence[str] = FORMATS
) -> Iterator[tuple[str, bytes]]:
    """Yield `before-after` in each format: two variants, or one in two runs. Raise UsageError without matplotlib.

    The comparison says which of the changes count.
    """
    yield from _draw("before-after", pair_chart(before, after, comparison), formats)


@escape_arguments
def draw_history(
    records: Sequence[HistoryEntry], steps: Sequence[Regression], formats: Sequence[str] = FORMATS
) -> Iterator[tuple[str, bytes]]:
    """Yield `history` in each format: a scenario's growth and peak by run. Raise UsageError without matplotlib."""
    yield from _draw("history", history_chart(records, steps), formats)


def _draw(
    name: str, chart: GrowthPanels | PeakChart | PairChart | HistoryChart | None, formats: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    if chart is None:
        return
    try:
        import matplotlib.figure  # noqa: F401

        from leakcheck.reporters.plots import canvas, figures
    except ImportError as error:
        raise UsageError(
            f"plots are drawn with matplotlib, and it cannot be imported ({error}); "
            "add it with: pip install 'pytest-leakcheck[plots]'"
        ) from error
    draw: dict[type, Callable[..., Drawing]] = {
        GrowthPanels: figures.growth_figure,
        PeakChart: figures.peak_figure,
        PairChart: figures.pair_figure,
        HistoryChart: figures.history_figure,
    }
    yield from canvas.render(name, lambda: draw[type(chart)](chart), formats)
