"""`leakcheck history`: trends of scenarios across runs, and where they changed."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Change
from leakcheck.model.errors import NothingMeasured, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakcheck.model.history import HistoryEntry


def history(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="Id of a scenario, or part of one. \\[default: all]")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="DIR", help="Folder of saved runs. \\[default: reports]")
    ] = None,
    change: Change = None,
    chart: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Also draw the trend of one scenario to FILE.svg or FILE.png."),
    ] = None,
) -> None:
    """Show trends across runs; find the commit where a scenario changed.

    The newest run of a scenario is compared with those in the same kind of
    environment and with the same options. A change counts if it exceeds the
    tolerance (--change).

    [bold]Examples[/bold]

      leakcheck history

      leakcheck history "newsletter\\[retained]" --plot retained.svg
    """
    from rich.text import Text

    from leakcheck.analysis.compare.step_detection import find_regressions
    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters.history import render_all, render_one
    from leakcheck.storage.document import write_atomically
    from leakcheck.storage.history import find_documents, load_history

    if chart is not None and chart.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--plot {chart}: the file name must end with .svg or .png")
    settings = resolve(SettingsLayer(change=change))
    folder = runs if runs is not None else settings.output
    past = load_history(find_documents(folder))
    console, errors = make_console(), make_console(stderr=True)
    for reason in past.skipped:
        errors.print(Text(escape_control(f"{reason}; skipped")), soft_wrap=True)
    if not past.records:
        raise NothingMeasured(f"{folder}: contains no runs; measure with leakcheck run, or pass another --runs DIR")
    series, skipped = _newest_series(past.records, scenario)
    with_steps = [(records, find_regressions(records, settings.change)) for records in series]
    if chart is not None and len(series) > 1:
        names = ", ".join(records[-1].scenario for records in series)
        raise UsageError(f"--plot draws one scenario; pass one of: {names}")
    one = partial(render_one, *with_steps[0], settings.change)
    render = one if len(series) == 1 else partial(render_all, with_steps)
    for part in render(encoding=console.encoding):
        console.print(part)
    if skipped:
        results = f"{skipped} result{'' if skipped == 1 else 's'}"
        console.print(Text(f"\n{results} from other environments or with other options not shown."))
    if chart is not None:
        from leakcheck.reporters.plots import draw_history

        for _, data in draw_history(*with_steps[0], (chart.suffix.lower()[1:],)):
            write_atomically(chart, data)


def _newest_series(records: "Sequence[HistoryEntry]", name: str | None) -> "tuple[list[list[HistoryEntry]], int]":
    """Return the series of the newest record of each selected scenario, and the number of their other records."""
    ids = dict.fromkeys(record.scenario for record in records)
    selected = [id for id in ids if name is None or id == name] or [id for id in ids if name and name in id]
    if not selected:
        raise UsageError(f"there is no run of {name!r}; available: {', '.join(ids)}")
    newest = {record.scenario: record.series for record in records}
    series = [[record for record in records if record.series == newest[id]] for id in selected]
    return series, sum(record.scenario in selected for record in records) - sum(map(len, series))
