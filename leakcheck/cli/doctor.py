"""`leakcheck doctor`: what can be measured here, and why not more."""

from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Python

if TYPE_CHECKING:
    from rich.console import Console


def doctor(
    python: Python = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As text to be put into an issue.")] = False,
) -> None:
    """Say what can be measured here, exactly or not, and what to do where more could be.

    A process of the Python that measures keeps known bytes and looks whether its meters see them; nothing of
    yours is imported. No path and no name of a user or host is printed. Ends with 0, and with 2 where nothing
    can be measured: a Python that does not start, settings that cannot be used.

    [bold]Examples[/bold]

      leakcheck doctor

      leakcheck doctor --python ../service/.venv/bin/python --markdown
    """
    import sys

    from leakcheck.cli.console import make_console
    from leakcheck.doctor import report as reporter
    from leakcheck.doctor.checks import encode, examine
    from leakcheck.doctor.model import CheckState
    from leakcheck.model.errors import ExitCode, UsageError

    if json and markdown:
        raise UsageError("--json and --markdown: say one of them")
    console = make_console()
    found = examine(python, _terminal(console))
    if json or markdown:
        data = encode(found) if json else b"".join(document for _, document in reporter.markdown(found))
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        for part in reporter.render_examination(found):
            console.print(part)
    raise typer.Exit(ExitCode.USAGE if found.of(CheckState.BROKEN) else ExitCode.WITHIN)


def _terminal(console: "Console") -> str:
    if not console.is_terminal:
        return f"none: plain text in {console.encoding}, {console.width} columns"
    return f"{console.width} columns, {console.color_system or 'no'} colours, {console.encoding}"
