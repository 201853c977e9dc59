"""`leakcheck show`: print a saved run again."""

from pathlib import Path
from typing import Annotated

import typer


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.json.")],
) -> None:
    """Print a saved run as it was printed when it was measured.

    [bold]Example[/bold]

      leakcheck show reports/2026-11-24T10-12-07
    """
    from leakcheck import store
    from leakcheck.cli.console import make_console
    from leakcheck.reporters.terminal import render_run

    console = make_console()
    for part in render_run(store.load(run)):
        console.print(part)
