"""`leakcheck show`: print a saved run again."""

from pathlib import Path
from typing import Annotated

import typer


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.json.")],
    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", help="Draw it as a picture instead, for a README or a slide."),
    ] = None,
) -> None:
    """Print a saved run as it was printed when it was measured.

    [bold]Examples[/bold]

      leakcheck show reports/2026-11-24T10-12-07

      leakcheck show reports/2026-11-24T10-12-07 --svg table.svg
    """
    from leakcheck import store
    from leakcheck.cli.console import make_console

    saved = store.load(run)
    if svg is not None:
        from leakcheck.reporters.picture import draw

        for _, picture in draw(saved):
            store.write_atomically(svg, picture)
        return
    from leakcheck.reporters.terminal import render_run

    console = make_console()
    for part in render_run(saved, columns=console.width):
        console.print(part)
