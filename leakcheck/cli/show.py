"""`leakcheck show`: print a saved run again."""

from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.outputs import OutputOptions


@flat
def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.json.")],
    outputs: OutputOptions,
    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", help="Draw it as a picture instead, for a README or a slide."),
    ] = None,
) -> None:
    """Print a saved run as it was printed when it was measured, or write it in another form.

    [bold]Examples[/bold]

      leakcheck show reports/2026-11-24T10-12-07

      leakcheck show reports/2026-11-24T10-12-07 --svg table.svg

      leakcheck show reports/2026-11-24T10-12-07 --markdown comment.md
    """
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.storage import atomic, run_file

    saved = run_file.load(run)
    if svg is None:
        outputs.tell(saved, allow_inconclusive=resolve(SettingsLayer()).allow_inconclusive)
        return
    from leakcheck.reporters.terminal import draw

    for _, picture in draw(saved):
        atomic.write_atomically(svg, picture)
