"""`leakcheck plot`: pictures of a saved run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Expression
from leakcheck.model.errors import NothingMeasured, UsageError

if TYPE_CHECKING:
    from leakcheck.model.result import Result
    from leakcheck.model.run import Run


def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.json.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Where the pictures go. \\[default: plots, beside the document]"),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="svg,png", help="One format, or several with commas.")
    ] = "svg,png",
    expression: Expression = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="VARIANT", help="Draw bars of this variant, or id, and of --after."),
    ] = None,
    after: Annotated[str | None, typer.Option("--after", metavar="VARIANT", help="The other one.")] = None,
) -> None:
    """Draw a saved run with matplotlib: growth call by call, and the peaks of the strategies.

    [bold]Examples[/bold]

      leakcheck plot reports/2026-11-24T10-12-07

      leakcheck plot reports/2026-11-24T10-12-07 --before naive --after iterator --format png
    """
    from leakcheck.model.plain_text import plain
    from leakcheck.reporters.plots import draw_pair, draw_run
    from leakcheck.storage import atomic, run_file

    wanted = parse_formats(formats)
    if (before is None) != (after is None):
        raise UsageError("--before and --after belong together: name two variants of the run")
    saved = run_file.load(run)
    results = matching(saved, expression)
    if before is not None and after is not None:
        documents = list(draw_pair(_one(results, before), _one(results, after), wanted))
    else:
        documents = list(draw_run(results, wanted))
    if not documents:
        raise NothingMeasured(f"{run}: there is nothing to draw: no growth was read in it, and no peak")
    folder = output if output is not None else (run if run.is_dir() else run.parent) / "plots"
    run_file.make_folder(folder)
    for name, picture in documents:
        atomic.replace_file(folder / name, picture)
        typer.echo(plain(str(folder / name)))


def parse_formats(text: str) -> tuple[str, ...]:
    """Return the formats in a list with commas. Raises UsageError for one that we do not draw."""
    from leakcheck.reporters.plots import FORMATS

    wanted = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not wanted or not {*wanted} <= {*FORMATS}:
        raise UsageError(f"--format {text!r}: write svg, png or svg,png")
    return wanted


def matching(run: "Run", expression: str | None) -> "Sequence[Result]":
    """Return the results whose id matches. Raises NothingMeasured where none does."""
    from leakcheck.config.expressions import parse_expression

    matches = parse_expression(expression) if expression is not None else lambda name: True
    results = [result for result in run.results if matches(result.id)]
    if not results:
        there = ", ".join(result.id for result in run.results) or "none"
        raise NothingMeasured(f"-k {expression!r} matches nothing; the run's scenarios are: {there}")
    return results


def _one(results: "Sequence[Result]", name: str) -> "Result":
    """Return the result with that id, or the only one of that variant. Raises UsageError."""
    found = [result for result in results if result.id == name] or [one for one in results if one.variant == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name!r} is a variant of {len(found)} scenarios; name one by its id, as in {found[0].id!r}")
    there = ", ".join(result.id for result in results)
    raise UsageError(f"there is no variant {name!r} in the run; there are: {there}")
