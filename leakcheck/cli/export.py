"""`leakcheck export`: a saved run for other tools."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Expression
from leakcheck.cli.plot import matching
from leakcheck.model.errors import NothingMeasured, StoreError, UsageError

if TYPE_CHECKING:
    from leakcheck.model.result import Result
    from leakcheck.model.run import Run


class ExportFormat(StrEnum):
    """What other tools read."""

    SPEEDSCOPE = "speedscope"
    COLLAPSED = "collapsed"
    CSV = "csv"
    MEMRAY = "memray"


class StackChoice(StrEnum):
    """Which stacks, where a file has room for one kind."""

    PEAK = "peak"
    GROWTH = "growth"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.json.")],
    format: Annotated[ExportFormat, typer.Option("--format", help="What to write.")],
    expression: Expression = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Where it goes; a folder for memray. \\[default: standard output]"
        ),
    ] = None,
    stacks: Annotated[
        StackChoice, typer.Option("--stacks", help="Of which: what a peak holds, or what grows. For collapsed stacks.")
    ] = StackChoice.PEAK,
) -> None:
    """Write a saved run in the format of another tool.

    speedscope: stacks of the peaks and of what grows, for speedscope.app. collapsed: a line a stack, for
    flamegraph.pl and the like. csv: a row a scenario. memray: memray's own captures, for its reporters.

    [bold]Examples[/bold]

      leakcheck export reports/2026-11-24T10-12-07 --format speedscope --output run.speedscope.json

      leakcheck export reports/2026-11-24T10-12-07 --format collapsed --stacks growth | flamegraph.pl > growth.svg

      leakcheck export reports/2026-11-24T10-12-07 --format memray -k naive --output captures
    """
    from leakcheck.model.plain_text import plain
    from leakcheck.reporters.escape import inert
    from leakcheck.storage import atomic, run_file

    saved = run_file.load(run)
    chosen = replace(saved, results=tuple(matching(saved, expression)))
    if format is ExportFormat.MEMRAY:
        _copy_captures(run if run.is_dir() else run.parent, chosen.results, output)
        return
    documents = list(_documents(chosen, format, stacks))
    if not documents:
        raise NothingMeasured(_nothing(run, format, stacks))
    for name, data in documents:
        if output is None:
            # a scenario's name in a log of CI is no command to its runner
            sys.stdout.buffer.write(inert(data.decode()).encode())
            continue
        place = output / name if output.is_dir() else output
        atomic.write_atomically(place, data)
        typer.echo(plain(str(place)))


def _documents(run: "Run", format: ExportFormat, stacks: StackChoice) -> Iterator[tuple[str, bytes]]:
    if format is ExportFormat.SPEEDSCOPE:
        from leakcheck.reporters.export.speedscope import speedscope

        return speedscope(run)
    if format is ExportFormat.COLLAPSED:
        from leakcheck.reporters.export.collapsed import collapsed
        from leakcheck.reporters.export.stacks import StackKind

        return collapsed(run, StackKind(stacks.value))
    from leakcheck.reporters.export.run_csv import run_sheet

    return run_sheet(run)


def _nothing(run: Path, format: ExportFormat, stacks: StackChoice) -> str:
    if format is ExportFormat.COLLAPSED and stacks is StackChoice.GROWTH:
        return f"{run}: knows of no stack that grows; measure with --explain always, or take --stacks peak"
    return f"{run}: knows of no stacks; measure it again without --no-peak"


def _copy_captures(folder: Path, results: "tuple[Result, ...]", output: Path | None) -> None:
    from leakcheck.model.plain_text import plain
    from leakcheck.storage import atomic, run_file
    from leakcheck.storage.captures import open_capture

    if output is None:
        raise UsageError("--format memray copies files: say where to with --output DIR")
    captures = {result.capture: run_file.beside(folder, result.capture) for result in results if result.capture}
    if not captures:
        raise NothingMeasured(f"{folder}: holds no capture; measure it again without --no-peak")
    run_file.make_folder(output)
    for name, capture in captures.items():
        source = open_capture(folder, name)
        if source is None:
            raise StoreError(f"{capture}: the capture is not there any more")
        with source:
            try:
                atomic.replace_file(output / capture.name, source.read())
            except OSError as error:
                raise StoreError(f"{capture}: the capture cannot be read ({error.strerror})") from error
        typer.echo(plain(str(output / capture.name)))
