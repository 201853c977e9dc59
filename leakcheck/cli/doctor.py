"""`leakcheck doctor`: what this machine can measure, and how to fix the rest."""

from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Python

if TYPE_CHECKING:
    from rich.console import Console


def doctor(
    python: Python = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, to paste into an issue.")] = False,
) -> None:
    """Check what this machine can measure, and how to fix the rest.

    A process of the measured interpreter allocates a known number of bytes and
    checks that each meter counts them. None of your code is imported, and no path,
    user name or host name is printed. The exit code is 0, or 2 if nothing can be
    measured: the interpreter does not start, or a setting is invalid.

    [bold]Examples[/bold]

      leakcheck doctor

      leakcheck doctor --python ../service/.venv/bin/python --markdown
    """
    import sys

    from leakcheck.cli.console import make_console
    from leakcheck.doctor import report as reporter
    from leakcheck.doctor.facts import gather_facts
    from leakcheck.doctor.model import CheckState
    from leakcheck.model.errors import ExitCode, UsageError

    if json and markdown:
        raise UsageError("--json and --markdown: pass only one of them")
    console = make_console()
    report = reporter.make_report(*gather_facts(python, _terminal(console)))
    if json or markdown:
        data = reporter.encode(report) if json else b"".join(document for _, document in reporter.markdown(report))
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        for part in reporter.render_report(report):
            console.print(part)
    raise typer.Exit(ExitCode.USAGE if report.names(CheckState.BROKEN) else ExitCode.WITHIN)


def _terminal(console: "Console") -> str:
    if not console.is_terminal:
        return f"not a terminal: plain text, {console.width} columns, {console.encoding}"
    return f"{console.width} columns, {console.color_system or 'no'} colors, {console.encoding}"
