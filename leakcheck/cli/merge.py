"""`leakcheck merge`: the runs of all shards as one run, with the exit code that it would have had."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.outputs import OutputOptions
from leakcheck.cli.report import ReportOption


@flat
def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="A run's folder, or a folder that holds the folders of runs.")
    ],
    outputs: OutputOptions,
    reporting: ReportOption,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the joined run's folder is made. \\[default: reports]")
    ] = None,
    durations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write down how long each scenario took, for --shard to split by."),
    ] = None,
    allow_inconclusive: Annotated[
        bool | None, typer.Option("--allow-inconclusive", help="End with 0 where nothing can be said.")
    ] = None,
) -> None:
    """Join the runs of shards into one, and fail where one is missing, there twice, or not comparable.

    Runs that were no shards can be joined as well, where they hold different scenarios.

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
    merged = join(runs, output=settings.output, command=("leakcheck", *sys.argv[1:]))
    if durations is not None:
        write_durations(durations, merged.run)
    page = reporting.write(merged.run, merged.folder)
    outputs.tell(merged.run, merged.folder, page, allow_inconclusive=settings.allow_inconclusive)
    raise typer.Exit(session.exit_code(merged.run.results, allow_inconclusive=settings.allow_inconclusive))
