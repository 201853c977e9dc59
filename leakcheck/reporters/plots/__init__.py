"""Plots for a slide or a pull request, drawn with matplotlib, which is imported when one is drawn.

Two renderings of a run are the same bytes, so a plot that is committed changes only when its figures do.
"""

from collections.abc import Iterator, Sequence

from leakcheck.model.errors import UsageError
from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.result import Result
from leakcheck.reporters.escape import escape_arguments

FORMATS = ("svg", "png")


@escape_arguments
def draw_run(results: Sequence[Result], formats: Sequence[str] = FORMATS) -> Iterator[tuple[str, bytes]]:
    """Yield `growth` and `peak` in each format, as far as they were measured. Raise UsageError without matplotlib."""
    _require_matplotlib()
    from leakcheck.reporters.plots.canvas import render
    from leakcheck.reporters.plots.growth import growth_figure, growth_lines
    from leakcheck.reporters.plots.peak import peak_figure

    if growth_lines(results):
        yield from render("growth", lambda: growth_figure(results), formats)
    if any(result.peak_bytes is not None for result in results):
        yield from render("peak", lambda: peak_figure(results), formats)


@escape_arguments
def draw_pair(before: Result, after: Result, formats: Sequence[str] = FORMATS) -> Iterator[tuple[str, bytes]]:
    """Yield `before-after` in each format: two variants, or one in two runs. Raise UsageError without matplotlib."""
    _require_matplotlib()
    from leakcheck.reporters.plots.canvas import render
    from leakcheck.reporters.plots.pair import pair_figure

    yield from render("before-after", lambda: pair_figure(before, after), formats)


@escape_arguments
def draw_history(
    records: Sequence[HistoryEntry], steps: Sequence[Regression], formats: Sequence[str] = FORMATS
) -> Iterator[tuple[str, bytes]]:
    """Yield `history` in each format: a scenario's growth and peak by run. Raise UsageError without matplotlib."""
    _require_matplotlib()
    from leakcheck.reporters.plots.canvas import render
    from leakcheck.reporters.plots.history import history_figure

    yield from render("history", lambda: history_figure(records, steps), formats)


def _require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"plots are drawn with matplotlib, and it cannot be imported ({error}); "
            "add it with: pip install 'pytest-leakcheck[plots]'"
        ) from error
