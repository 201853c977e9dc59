"""`leakcheck plot`: charts of a saved run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Change, Expression, SavedRun, id_filter
from leakcheck.model.errors import NothingMeasured, UsageError

if TYPE_CHECKING:
    from leakcheck.model.result import Result
    from leakcheck.model.run import Run


def plot(
    run: SavedRun,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Folder for the charts. \\[default: plots, beside run.json]"),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="FORMATS", help="Formats of the charts: svg, png or svg,png.")
    ] = "svg,png",
    expression: Expression = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="VARIANT", help="Compare this variant (or id) with --after in a bar chart."),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="VARIANT", help="The variant (or id) to compare --before with.")
    ] = None,
    change: Change = None,
) -> None:
    """Draw growth and peak charts of a saved run, with matplotlib.

    [bold]Examples[/bold]

      leakcheck plot reports/2026-11-24T10-12-07

      leakcheck plot reports/2026-11-24T10-12-07 --before naive --after iterator --format png
    """
    from leakcheck.analysis.compare.runs import compare_results
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters.plots import draw_pair, draw_run
    from leakcheck.storage import run_file
    from leakcheck.storage.document import replace_file

    suffixes = _parse_formats(formats)
    if (before is None) != (after is None):
        raise UsageError("--before and --after belong together: pass both, each with a variant of the run")
    saved = run_file.load(run)
    results = select_results(saved, expression)
    if before is not None and after is not None:
        pair = _find_result(results, before), _find_result(results, after)
        tolerance = resolve(SettingsLayer(change=change)).change
        comparison = compare_results(pair[0].scenario, [pair[0]], [pair[1]], tolerance, side_by_side=False)
        documents = list(draw_pair(*pair, comparison, suffixes))
    else:
        documents = list(draw_run(results, suffixes))
    if not documents:
        raise NothingMeasured(f"{run}: there is nothing to draw: the run has neither growth readings nor peaks")
    folder = output if output is not None else (run if run.is_dir() else run.parent) / "plots"
    run_file.make_folder(folder)
    for name, picture in documents:
        replace_file(folder / name, picture)
        typer.echo(escape_control(str(folder / name)))


def _parse_formats(text: str) -> tuple[str, ...]:
    from leakcheck.reporters.plots import FORMATS

    formats = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not formats or not {*formats} <= {*FORMATS}:
        raise UsageError(f"--format {text!r}: write svg, png or svg,png")
    return formats


def select_results(run: "Run", expression: str | None) -> "Sequence[Result]":
    """Return the results whose id matches. Raises NothingMeasured if none does."""
    matches = id_filter(expression)
    results = [result for result in run.results if matches(result.id)]
    if not results:
        if expression is None:
            raise NothingMeasured("the run has no scenarios")
        names, count = ", ".join(result.id for result in run.results) or "none", len(run.results)
        raise NothingMeasured(f"-k {expression!r} matched none of {count} scenario{'s'[: count != 1]} ({names})")
    return results


def _find_result(results: "Sequence[Result]", name: str) -> "Result":
    """Return the result with that id, or the only one of that variant. Raises UsageError."""
    matches = [result for result in results if result.id == name] or [
        result for result in results if result.variant == name
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(
            f"{name!r} is a variant of {len(matches)} scenarios; pass the id of one, as in {matches[0].id!r}"
        )
    available = ", ".join(result.id for result in results)
    raise UsageError(f"there is no variant {name!r} in the run; available: {available}")
