"""`leakcheck history`: how scenarios did from run to run, and where they stepped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.model.errors import NothingMeasured, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakcheck.model.history import HistoryEntry

_INDEX = Path(".leakcheck") / "history.sqlite"


def history(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="One id, or a part of some. All without it.")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="DIR", help="Where the runs are. \\[default: reports]")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index anew from the documents (.leakcheck/history.sqlite).")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw one scenario's trend too: FILE.svg or FILE.png.")
    ] = None,
) -> None:
    """Show how scenarios did from run to run, and name the run, and the commits, where one stepped.

    Only runs of the same kind of environment, and with the same options, are compared: those of the newest run.

    [bold]Examples[/bold]

      leakcheck history

      leakcheck history "newsletter\\[retained]" --plot retained.svg
    """
    from rich.text import Text

    from leakcheck.analysis.compare.step_detection import steps_of
    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.plain_text import plain
    from leakcheck.reporters.history import render_all, render_one
    from leakcheck.storage import atomic, run_file
    from leakcheck.storage.history import find_documents, gather

    if picture is not None and picture.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--plot {picture}: name a file that ends with .svg or .png")
    folder = runs if runs is not None else resolve(SettingsLayer()).output
    documents = find_documents(folder, run_file.DOCUMENT)
    past = gather(_INDEX, documents, run_file.load, rebuild=rebuild)
    console, errors = make_console(), make_console(stderr=True)
    for sentence in (*past.notices, *(f"{skipped}; it is left out" for skipped in past.skipped)):
        errors.print(Text(plain(sentence)), soft_wrap=True)
    if not past.records:
        raise NothingMeasured(
            f"{folder}: there is no run in it; measure with leakcheck run, or name another with --runs"
        )
    series, elsewhere = _newest_series(past.records, scenario)
    told = [(records, steps_of(records)) for records in series]
    if picture is not None and len(told) > 1:
        names = ", ".join(records[-1].scenario for records in series)
        raise UsageError(f"--plot draws one scenario; name one of: {names}")
    encoding = console.encoding
    parts = render_one(*told[0], encoding=encoding) if len(told) == 1 else render_all(told, encoding=encoding)
    for part in parts:
        console.print(part)
    if elsewhere:
        console.print(Text(f"\n{elsewhere} of other environments or options are left out."))
    if picture is not None:
        from leakcheck.reporters.plots import draw_history

        for _, data in draw_history(*told[0], (picture.suffix.lower()[1:],)):
            atomic.write_atomically(picture, data)


def _newest_series(records: "Sequence[HistoryEntry]", name: str | None) -> "tuple[list[list[HistoryEntry]], str]":
    """Return the series that the newest record of each chosen scenario is in, and how many records are in others."""
    ids = dict.fromkeys(record.scenario for record in records)
    chosen = [one for one in ids if name is None or one == name] or [one for one in ids if name and name in one]
    if not chosen:
        raise UsageError(f"there is no run of {name!r}; there are runs of: {', '.join(ids)}")
    newest = {record.scenario: record.series for record in records}
    series = [[record for record in records if record.series == newest[one]] for one in chosen]
    left = sum(record.scenario in chosen for record in records) - sum(map(len, series))
    return series, f"{left} result{'' if left == 1 else 's'}" if left else ""
