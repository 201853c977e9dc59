"""`leakcheck report`: one HTML file that shows a run to whoever opens it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from leakcheck.model.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOption:
    """The option of a verb that measures: whether its run gets a report at once."""

    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html beside the run document.")] = (
        True
    )

    def write(self, run: "Run", folder: Path) -> Path | None:
        """Write the report and return where it is; None where it is not wanted or cannot be written.

        Whatever goes wrong is told on standard error and costs the run nothing: it is measured and saved.
        """
        if not self.report or not run.results:
            return None
        from leakcheck.model.plain_text import plain
        from leakcheck.storage import atomic

        try:
            from leakcheck.reporters.html.page import REPORT, render_report

            for name, page in render_report(run):
                atomic.replace_file(folder / name, page)
            return folder / REPORT
        except Exception as error:
            print(
                f"leakcheck: the report could not be written, and the run stands: {plain(str(error))}", file=sys.stderr
            )
        return None


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.json.")],
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where report.html is written. \\[default: the run's folder]")
    ] = None,
    memray_pages: Annotated[
        bool, typer.Option("--memray-pages", help="Also write memray's own flamegraph page of each peak; 4 MB each.")
    ] = False,
) -> None:
    """Write a saved run as one HTML file: charts, explanation and flamegraphs, without a network.

    [bold]Examples[/bold]

      leakcheck report reports/2026-11-24T10-12-07

      leakcheck report run.json --output public --memray-pages
    """
    from leakcheck.model.plain_text import plain
    from leakcheck.reporters.html.page import render_report
    from leakcheck.storage import atomic, run_file

    saved = run_file.load(run)
    home = run if run.is_dir() else run.parent
    folder = output or home
    run_file.make_folder(folder)
    pages = _memray_pages(saved, home, folder) if memray_pages else {}
    for name, page in render_report(saved, pages):
        atomic.replace_file(folder / name, page)
        typer.echo(plain(str(folder / name)))


def _memray_pages(run: "Run", home: Path, folder: Path) -> dict[str, str]:
    """Write memray's page of each capture, and return their links by the result's id."""
    from leakcheck.reporters.export.memray_html import PAGES, memray_page
    from leakcheck.storage import atomic, run_file
    from leakcheck.storage.captures import open_capture

    links = {}
    run_file.make_folder(folder / PAGES)
    for result in run.results:
        if result.capture is None:
            continue
        capture = run_file.beside(home, result.capture)
        if (opened := open_capture(home, result.capture)) is not None:  # refuses what is no capture of ours
            opened.close()
        name = f"{PAGES}/{capture.stem}.html"
        atomic.replace_file(folder / name, memray_page(capture))
        links[result.id] = quote(name)
    return links
