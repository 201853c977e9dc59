"""`leakcheck report`: a saved run as one HTML file; and the option to write it after measuring."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from leakcheck.cli.options import SavedRun, output_option
from leakcheck.cli.outputs import OutputOptions

if TYPE_CHECKING:
    from leakcheck.model.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutputs(OutputOptions):
    """The outputs of a command that makes a run: the report as well."""

    report: Annotated[
        bool, output_option("--report/--no-report", help="Write report.html to the folder of the run.")
    ] = True

    def write_report(self, run: "Run", folder: Path) -> Path | None:
        """Write the report and return its path; None if it was not requested or could not be written.

        Any error is printed on standard error and not raised: the run is measured and saved already.
        """
        if not self.report or not run.results:
            return None
        from leakcheck.model.plain_text import escape_control
        from leakcheck.storage.document import replace_file

        try:
            from leakcheck.reporters.html.page import REPORT, render_report

            for name, page in render_report(run):
                replace_file(folder / name, page)
            return folder / REPORT
        except Exception as error:
            print(
                f"leakcheck: the run is saved, but its report could not be written: {escape_control(str(error))}",
                file=sys.stderr,
            )
        return None


def report(
    run: SavedRun,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for report.html. \\[default: the folder of the run]")
    ] = None,
    memray_pages: Annotated[
        bool, typer.Option("--memray-pages", help="Also write memray's flamegraph of each peak, about 4 MB each.")
    ] = False,
) -> None:
    """Write the HTML report of a saved run.

    The report is one file, with charts, explanations and flamegraphs. It needs
    no network.

    [bold]Examples[/bold]

      leakcheck report reports/2026-11-24T10-12-07

      leakcheck report run.json --output public --memray-pages
    """
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters.html.page import render_report
    from leakcheck.storage import run_file
    from leakcheck.storage.document import replace_file

    saved = run_file.load(run)
    source = run if run.is_dir() else run.parent
    folder = output or source
    run_file.make_folder(folder)
    pages = _memray_pages(saved, source, folder) if memray_pages else {}
    for name, page in render_report(saved, pages):
        replace_file(folder / name, page)
        typer.echo(escape_control(str(folder / name)))


def _memray_pages(run: "Run", source: Path, folder: Path) -> dict[str, str]:
    """Write memray's page of each capture, and return the links to them by result id."""
    from leakcheck.reporters.export.memray_html import PAGES_FOLDER, memray_page
    from leakcheck.storage import run_file
    from leakcheck.storage.captures import open_capture
    from leakcheck.storage.document import replace_file

    links = {}
    run_file.make_folder(folder / PAGES_FOLDER)
    for result in run.results:
        if result.capture is None:
            continue
        capture = run_file.file_in_folder(source, result.capture)
        if (opened := open_capture(source, result.capture)) is not None:  # refuses a name that leads out of the folder
            opened.close()
        name = f"{PAGES_FOLDER}/{capture.stem}.html"
        replace_file(folder / name, memray_page(capture))
        links[result.id] = quote(name)
    return links
