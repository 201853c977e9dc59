"""`leakcheck compare`: two runs, two variants or two revisions, before and after in one table."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from leakcheck.cli.options import Change, Executor, Expression, Options, Python, Setup, budget_option, output_option


def _file(flag: str, form: str) -> Any:
    return output_option(flag, metavar="FILE", help=f"Also write the comparison as {form} to FILE.")


def compare(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="A B | A..B TARGET | RUN | TARGET",
            help="Two saved runs; a revision range and a target; or, with --variants, a run or a target.",
        ),
    ],
    variants: Annotated[
        tuple[str, str] | None, typer.Option("--variants", metavar="BEFORE AFTER", help="Compare these two variants.")
    ] = None,
    expression: Expression = None,
    option: Options = None,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="Measure both sides N times, alternating.")
    ] = 3,
    setup: Setup = None,
    python: Python = None,
    python_before: Annotated[
        str | None, typer.Option(metavar="PATH", help="Interpreter for the older revision.")
    ] = None,
    python_after: Annotated[
        str | None, typer.Option(metavar="PATH", help="Interpreter for the newer revision.")
    ] = None,
    executor: Executor = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again instead of reusing saved measurements of a revision.")
    ] = False,
    change: Change = None,
    fail_on_worse: Annotated[
        bool,
        budget_option("--fail-on-worse", help="Exit 1 when growth or peak is worse, 3 when a scenario failed."),
    ] = False,
    output: Annotated[
        str | None, output_option(metavar="DIR", help="Folder for the saved comparison. \\[default: reports]")
    ] = None,
    markdown: Annotated[str | None, _file("--markdown", "Markdown")] = None,
    csv: Annotated[str | None, _file("--csv", "CSV")] = None,
    json: Annotated[str | None, _file("--json", "JSON")] = None,
    html: Annotated[str | None, _file("--html", "an HTML page")] = None,
) -> None:
    """Compare two runs, revisions or variants.

    A figure is better or worse if its whole interval is beyond the tolerance
    (--change). In the table, ~ stands for every other change.

    [bold]Examples[/bold]

      leakcheck compare scenarios/newsletter --variants naive iterator

      leakcheck compare main..HEAD scenarios/newsletter

      leakcheck compare reports/2026-11-23T09-00-00 reports/2026-11-24T10-12-07

      leakcheck compare reports/2026-11-24T10-12-07 --variants naive iterator --markdown table.md
    """
    from leakcheck.cli.console import make_console
    from leakcheck.compare.request import CompareRequest, run_comparison
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters import comparison as forms

    request = CompareRequest(
        arguments=tuple(arguments),
        variants=variants,
        expression=expression,
        options=tuple(option or ()),
        rounds=rounds,
        setup=setup,
        python=python,
        pythons=(python_before, python_after),
        executor=executor,
        change=change,
        fresh=fresh,
        output=output,
        started=datetime.now().astimezone(),
    )
    comparison = run_comparison(request, lambda step: print(escape_control(step), file=sys.stderr, flush=True))
    console = make_console()
    for part in forms.render_comparison(comparison):
        console.print(part)
    from leakcheck.storage import run_file
    from leakcheck.storage.document import write_atomically

    for path, form in ((markdown, forms.markdown), (csv, forms.csv_table)):
        for _, document in form(comparison) if path is not None else ():
            write_atomically(Path(str(path)), document)
    if html is not None:
        from leakcheck.reporters.html.page import render_comparison

        for _, page in render_comparison(comparison):
            write_atomically(Path(html), page)
    if json is not None:
        write_atomically(Path(json), run_file.encode_comparison(comparison))
    if fail_on_worse:
        raise typer.Exit(comparison.exit_code)
