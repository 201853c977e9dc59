"""`leakcheck export`: a saved run in the formats of other tools."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Expression, SavedRun
from leakcheck.cli.plot import select_results
from leakcheck.model.errors import NothingMeasured, StoreError, UsageError
from leakcheck.reporters.export.stacks import StackKind

if TYPE_CHECKING:
    from leakcheck.model.result import Result
    from leakcheck.model.run import Run


class ExportFormat(StrEnum):
    """The formats that other tools read."""

    SPEEDSCOPE = "speedscope"
    COLLAPSED = "collapsed"
    CSV = "csv"
    MEMRAY = "memray"


def export(
    run: SavedRun,
    format: Annotated[ExportFormat, typer.Option("--format", help="The format to write.")],
    expression: Expression = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="File to write; a folder for memray. \\[default: stdout]"),
    ] = None,
    stacks: Annotated[
        StackKind, typer.Option("--stacks", help="Which stacks: at the peak, or growing. Only for collapsed.")
    ] = StackKind.PEAK,
) -> None:
    """Export a saved run in the format of another tool.

    speedscope: the stacks of peaks and of growth, for speedscope.app.
    collapsed: one line per stack, for flamegraph.pl and similar tools.
    csv: one row per scenario.
    memray: memray's captures, for its reporters.

    [bold]Examples[/bold]

      leakcheck export reports/2026-11-24T10-12-07 --format speedscope --output run.speedscope.json

      leakcheck export reports/2026-11-24T10-12-07 --format collapsed --stacks growth | flamegraph.pl > growth.svg

      leakcheck export reports/2026-11-24T10-12-07 --format memray -k naive --output captures
    """
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters.escape import escape_ci_commands
    from leakcheck.storage import run_file
    from leakcheck.storage.document import write_atomically

    saved = run_file.load(run)
    selected = replace(saved, results=tuple(select_results(saved, expression)))
    if format is ExportFormat.MEMRAY:
        _copy_captures(run if run.is_dir() else run.parent, selected.results, output)
        return
    documents = list(_documents(selected, format, stacks))
    if not documents:
        if format is ExportFormat.COLLAPSED and stacks is StackKind.GROWTH:
            raise NothingMeasured(f"{run}: has no growing stacks; measure with --explain always, or use --stacks peak")
        raise NothingMeasured(f"{run}: has no stacks; measure again without --no-peak")
    for name, data in documents:
        if output is None:
            # a scenario's name must not be taken for a command by a CI runner that reads the log
            sys.stdout.buffer.write(escape_ci_commands(data.decode()).encode())
            continue
        path = output / name if output.is_dir() else output
        write_atomically(path, data)
        typer.echo(escape_control(str(path)))


def _documents(run: "Run", format: ExportFormat, stacks: StackKind) -> Iterator[tuple[str, bytes]]:
    if format is ExportFormat.SPEEDSCOPE:
        from leakcheck.reporters.export.speedscope import speedscope

        return speedscope(run)
    if format is ExportFormat.COLLAPSED:
        from leakcheck.reporters.export.collapsed import collapsed

        return collapsed(run, stacks)
    from leakcheck.reporters.export.run_csv import run_csv

    return run_csv(run)


def _copy_captures(folder: Path, results: "tuple[Result, ...]", output: Path | None) -> None:
    from leakcheck.model.plain_text import escape_control
    from leakcheck.storage import run_file
    from leakcheck.storage.captures import open_capture
    from leakcheck.storage.document import replace_file

    if output is None:
        raise UsageError("--format memray copies files: pass a folder for them with --output DIR")
    captures = {result.capture: run_file.file_in_folder(folder, result.capture) for result in results if result.capture}
    if not captures:
        raise NothingMeasured(f"{folder}: has no captures; measure again without --no-peak")
    run_file.make_folder(output)
    for name, capture in captures.items():
        source = open_capture(folder, name)
        if source is None:
            raise StoreError(f"{capture}: the capture no longer exists")
        with source:
            try:
                replace_file(output / capture.name, source.read())
            except OSError as error:
                raise StoreError(f"{capture}: the capture cannot be read ({error.strerror})") from error
        typer.echo(escape_control(str(output / capture.name)))
