"""`leakcheck show`: print a saved run again, or write it in another format."""

from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.dataclass_options import flatten_options
from leakcheck.cli.options import SavedRun
from leakcheck.cli.outputs import OutputOptions


@flatten_options
def show(
    run: SavedRun,
    outputs: OutputOptions,
    svg: Annotated[
        Path | None,
        typer.Option(
            "--svg", metavar="FILE", help="Write the table as an SVG image to FILE instead, e.g. for a README."
        ),
    ] = None,
) -> None:
    """Print a saved run again, or write it in another format.

    [bold]Examples[/bold]

      leakcheck show reports/2026-11-24T10-12-07

      leakcheck show reports/2026-11-24T10-12-07 --svg table.svg

      leakcheck show reports/2026-11-24T10-12-07 --markdown comment.md
    """
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.storage import run_file
    from leakcheck.storage.document import write_atomically

    saved = run_file.load(run)
    if svg is None:
        outputs.write(saved, allow_inconclusive=resolve(SettingsLayer()).allow_inconclusive)
        return
    from leakcheck.reporters.terminal import render_svg

    for _, picture in render_svg(saved):
        write_atomically(svg, picture)
