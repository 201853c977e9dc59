"""`leakcheck merge`: merge the runs of shards into one, and exit with the code of the whole."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.options import AllowInconclusive, flatten_options, output_option
from leakcheck.cli.report import RunOutputs


@flatten_options
def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Folder of a saved run, or a folder that contains such folders.")
    ],
    outputs: RunOutputs,
    output: Annotated[
        str | None, output_option(metavar="DIR", help="Folder for the merged run. \\[default: reports]")
    ] = None,
    durations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the duration of each scenario to FILE, for --shard to balance by."),
    ] = None,
    allow_inconclusive: AllowInconclusive = None,
) -> None:
    """Merge the runs of shards into one.

    Fails on missing, duplicate or incompatible shards. Runs that are not shards
    can be merged too, if their scenarios differ.

    [bold]Examples[/bold]

      leakcheck run scenarios --shard 2/3 --output shards

      leakcheck merge shards

      leakcheck merge shards --durations leakcheck-durations.json
    """
    from leakcheck.compare.merge import merge as join
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.runner import session
    from leakcheck.storage.durations import write_durations

    settings = resolve(SettingsLayer(output=output, allow_inconclusive=allow_inconclusive))
    run, folder = join(runs, output=settings.output, command=("leakcheck", *sys.argv[1:]))
    if durations is not None:
        write_durations(durations, run)
    page = outputs.write_report(run, folder)
    outputs.write(run, folder, page, allow_inconclusive=settings.allow_inconclusive)
    raise typer.Exit(session.exit_code(run.results, allow_inconclusive=settings.allow_inconclusive))
