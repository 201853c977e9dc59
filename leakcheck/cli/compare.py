"""`leakcheck compare`: two runs, two variants or two revisions, in one before/after table."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.options import Executor, Expression, Options, Python

Rounds = Annotated[
    int, typer.Option("--rounds", metavar="N", min=1, help="Measure both arms N times, in turn.", show_default=True)
]


def compare(
    things: Annotated[
        list[str],
        typer.Argument(metavar="A B | A..B TARGET | RUN | TARGET", help="Runs, revisions, or what to measure."),
    ],
    variants: Annotated[
        tuple[str, str] | None, typer.Option("--variants", metavar="BEFORE AFTER", help="Compare two variants.")
    ] = None,
    expression: Expression = None,
    option: Options = None,
    rounds: Rounds = 3,
    setup: Annotated[
        str | None, typer.Option(metavar="MODULE:CALLABLE", help="Run this once before the target is set up.")
    ] = None,
    python: Python = None,
    python_before: Annotated[str | None, typer.Option(metavar="PATH", help="The older revision's interpreter.")] = None,
    python_after: Annotated[str | None, typer.Option(metavar="PATH", help="The newer revision's interpreter.")] = None,
    executor: Executor = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what was measured before.")] = False,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the comparison's folder is made. \\[default: reports]")
    ] = None,
    markdown: Annotated[str | None, typer.Option("--markdown", metavar="FILE", help="Write it as Markdown.")] = None,
    csv: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write it as CSV.")] = None,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write it as JSON.")] = None,
    html: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Write it as one HTML file.")] = None,
    fail_on_worse: Annotated[
        bool, typer.Option("--fail-on-worse", help="End with 1 where growth or peak is worse.")
    ] = False,
) -> None:
    """Put before and after beside each other; `~` where nothing can be said of a change.

    [bold]Examples[/bold]

      leakcheck compare scenarios/newsletter --variants naive iterator

      leakcheck compare main..HEAD scenarios/newsletter

      leakcheck compare reports/2026-11-23T09-00-00 reports/2026-11-24T10-12-07

      leakcheck compare reports/2026-11-24T10-12-07 --variants naive iterator --markdown table.md
    """
    from leakcheck.cli.console import make_console
    from leakcheck.compare.request import CompareRequest, compared
    from leakcheck.model.comparison import ChangeVerdict, Metric
    from leakcheck.model.errors import ExitCode
    from leakcheck.model.plain_text import plain
    from leakcheck.reporters import comparison as forms

    wanted = CompareRequest(
        things=tuple(things),
        variants=variants,
        expression=expression,
        options=tuple(option or ()),
        rounds=rounds,
        setup=setup,
        python=python,
        pythons=(python_before, python_after),
        executor=executor,
        fresh=fresh,
        output=output,
        began=datetime.now().astimezone(),
    )
    comparison = compared(wanted, lambda doing: print(plain(doing), file=sys.stderr, flush=True))
    console = make_console()
    for part in forms.render_comparison(comparison):
        console.print(part)
    from leakcheck.storage import atomic, run_file

    for place, form in ((markdown, forms.markdown), (csv, forms.table)):
        for _, document in form(comparison) if place is not None else ():
            atomic.write_atomically(Path(str(place)), document)
    if html is not None:
        from leakcheck.reporters.html.page import render_comparison

        for _, page in render_comparison(comparison):
            atomic.write_atomically(Path(html), page)
    if json is not None:
        atomic.write_atomically(Path(json), run_file.encode_comparison(comparison))
    exact = (Metric.GROWTH, Metric.PEAK)
    rows = [row for contrast in comparison.contrasts for row in contrast.rows]
    if fail_on_worse and any(row.answer is ChangeVerdict.WORSE and row.metric in exact for row in rows):
        raise typer.Exit(ExitCode.OVER_BUDGET)
