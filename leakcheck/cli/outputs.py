"""Where a run is told: the terminal always, and the files and logs that CI reads where they are wanted."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leakcheck.model import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The options that say who else is told."""

    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the run document there too; - for standard output."),
    ] = None

    def tell(self, run: "Run", folder: Path | None = None, page: Path | None = None) -> None:
        """Print the run, its report's place last, and write it wherever it is wanted. Raises StoreError."""
        from leakcheck import store
        from leakcheck.cli.console import make_console
        from leakcheck.reporters.terminal import render_run

        console = make_console(stderr=self.json == "-")
        for part in render_run(run, folder, page=page, columns=console.width):
            console.print(part)
        if self.json == "-":
            sys.stdout.buffer.write(store.encode(run))
        elif self.json is not None:
            store.save(run, Path(self.json))
