"""`leakcheck run`: measure, judge, print, and answer with the exit code."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.options import Expression, Options, Python, Targets, parse_options
from leakcheck.explanation import Explain


def run(
    targets: Targets,
    expression: Expression = None,
    option: Options = None,
    growth: Annotated[
        str | None, typer.Option(metavar="GROWTH", help="Growth budget for all, like '64 KiB / 1000 calls'.")
    ] = None,
    peak: Annotated[str | None, typer.Option(metavar="SIZE", help="Peak budget for all, like '10 MiB'.")] = None,
    calls: Annotated[int | None, typer.Option(metavar="N", help="Replay no more than N calls of each variant.")] = None,
    time: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Follow each variant no longer than this. \\[default: 60]")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="A call that takes longer hangs. \\[default: 60]")
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="End a process that takes more. \\[default: 80 % of what is free]"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", help="Measure N side by side; latencies then share the machine. \\[default: 1]"
        ),
    ] = None,
    python: Python = None,
    setup: Annotated[
        str | None, typer.Option(metavar="MODULE:CALLABLE", help="Run this once before the target is set up.")
    ] = None,
    measure_peak: Annotated[
        bool, typer.Option("--peak-pass/--no-peak", help="Trace one call for its peak; --no-peak leaves it out.")
    ] = True,
    explain: Annotated[
        Explain | None,
        typer.Option(
            "--explain",
            help="Say why it grows: where memory grew or went over budget, always, never. \\[default: auto]",
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the run document there too; - for standard output."),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the runs' folders are made. \\[default: reports]")
    ] = None,
    allow_inconclusive: Annotated[
        bool | None, typer.Option("--allow-inconclusive", help="End with 0 where nothing can be said.")
    ] = None,
) -> None:
    """Replay scenarios and fail when memory grows, or peaks, over budget.

    [bold]Examples[/bold]

      leakcheck run scenarios/newsletter

      leakcheck run scenarios/newsletter -k "naive or iterator" -o peak.rows=500000

      leakcheck run shop.cart:checkout --setup shop.testing:prepare --growth "16 KiB / 1000 calls"

      leakcheck run bench.py::parse --python ../service/.venv/bin/python
    """
    # heavy imports wait until there is something to measure, so that help and mistakes are answered at once
    from leakcheck import session, store
    from leakcheck.cli.console import make_console
    from leakcheck.cli.progress import watching
    from leakcheck.config import Said, resolve
    from leakcheck.errors import ExitCode
    from leakcheck.reporters.terminal import render_run
    from leakcheck.scenario import parse_target
    from leakcheck.select import parse_expression

    settings = resolve(
        Said(
            growth=growth,
            peak=peak,
            calls=calls,
            time=time,
            timeout=timeout,
            max_memory=max_memory,
            jobs=jobs,
            python=python,
            output=output,
            explain=explain,
            allow_inconclusive=allow_inconclusive,
        )
    )
    request = session.Request(
        targets=[parse_target(text) for text in targets],
        settings=settings,
        matches=parse_expression(expression) if expression is not None else lambda name: True,
        options=parse_options(option),
        setup=setup,
        measure_peak=measure_peak,
        command=("leakcheck", *sys.argv[1:]),
    )
    with watching() as observer:
        outcome = session.run(request, observer)
    console = make_console(stderr=json == "-")
    for part in render_run(outcome.run, outcome.folder, columns=console.width):
        console.print(part)
    code = session.exit_code(outcome.run.results, allow_inconclusive=settings.allow_inconclusive)
    if json == "-":
        sys.stdout.buffer.write(store.encode(outcome.run))
    elif json is not None:
        store.save(outcome.run, Path(json))
    if outcome.unsaved is not None:
        raise outcome.unsaved
    raise typer.Exit(ExitCode.INTERRUPTED if outcome.interrupted else code)
