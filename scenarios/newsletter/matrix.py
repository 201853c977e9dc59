"""Strategy by database, measured here and now: `make demo-databases`, or

    python -m scenarios.newsletter.matrix [--rows N] [--calls N] [--databases NAME ...]

Peak memory and growth are leakcheck's. Beside them stand the time to the first row, and what memray saw
at the peak and tracemalloc did not: buffers of the driver's C library. Then what PostgreSQL's server pays
where its client looks innocent. What is not installed is named and left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.table import Table

from leakcheck.cli.console import make_console
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.units import format_duration, format_growth, format_size
from leakcheck.model.verdict import Verdict
from leakcheck.storage.run_file import load
from scenarios.newsletter.children import private_server
from scenarios.newsletter.databases import ARMS, PROJECT, parse_database
from scenarios.newsletter.probe import Seen

STRATEGIES = ("naive", "iterator", "values", "keyset")
POSTGRESQL: tuple[tuple[str, Mapping[str, bool]], ...] = (
    ("iterator(), outside a transaction: WITH HOLD", {}),
    ("iterator(), inside atomic()", {"atomic": True}),
    ("iterator(), no server-side cursors (pgbouncer)", {"server_side_cursors": False}),
)
_ENDED_WELL = (0, 1, 6)
"""Within budget, over it, not sure: each has its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A strategy on a database."""

    database: str
    strategy: str
    result: Result
    seen: Seen

    @property
    def unseen_bytes(self) -> int | None:
        """What memray saw at its peak beyond tracemalloc at its own."""
        return None if self.result.peak_bytes is None else self.result.peak_bytes - self.seen.traced_peak_bytes


class Failed(Exception):
    """Something could not be measured; the message says what, and what was said of it."""


def measured(database: str, rows: int, options: Mapping[str, Any], *, strategies: Sequence[str], calls: int) -> Run:
    """Return what `leakcheck run` says of some strategies. Raises Failed where it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "run.json"
        said = [f"-o{name}={json.dumps(value)}" for name, value in options.items()]
        command = [
            *(sys.executable, "-m", "leakcheck", "run", "scenarios/newsletter", "-k", " or ".join(strategies)),
            *(
                "--database",
                database,
                "-ogrowth.rows=50",
                f"-opeak.rows={rows}",
                *said,
                "--jobs=2",
                "--explain=never",
                "--no-report",
            ),
            *(f"--calls={calls}", "--time=20", "--timeout=300", "--allow-inconclusive"),
            *(f"--output={folder}", f"--json={document}"),
        ]
        ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if ran.returncode not in _ENDED_WELL:
            raise Failed(f"{database}: {ran.stdout}{ran.stderr}")
        return load(document)


def probed(**arguments: Any) -> Seen:
    """Return what the probe sees, in a process of its own. Raises Failed where it sees nothing."""
    command = [sys.executable, "-m", "scenarios.newsletter.probe", json.dumps(arguments)]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Failed(f"{arguments}: {ran.stderr}")
    return Seen(**json.loads(ran.stdout))


def why_not(database: str) -> str:
    """Return why a database cannot be measured here, and nothing where it can; its server runs from now on."""
    try:
        choice = parse_database(database)
        if find_spec(choice.arm.module) is None:
            return f"there is no driver here; pip install {choice.arm.package}"
        if choice.arm.server and choice.address is None:
            private_server(choice.arm.server, os.getpid())
    except (RuntimeError, ValueError) as error:
        return str(error)
    return ""


def cells(database: str, rows: int, calls: int) -> Iterator[Cell]:
    """Yield each strategy on one database."""
    run = measured(database, rows, {}, strategies=STRATEGIES, calls=calls)
    by_variant = {result.variant: result for result in run.results}
    for strategy in STRATEGIES:
        seen = probed(variant=strategy, rows=rows, database=database)
        yield Cell(database=database, strategy=strategy, result=by_variant[strategy], seen=seen)


def matrix_table(found: Sequence[Cell], rows: int) -> Table:
    """Return the matrix."""
    table = Table(title=f"One send to {rows:,} subscribers", title_justify="left")
    for name in ("database", "strategy"):
        table.add_column(name)
    for name in ("peak", "tracemalloc misses", "growth / 1000 calls", "first row after"):
        table.add_column(name, justify="right")
    for cell in found:
        starts = cell.strategy == STRATEGIES[0]
        if starts and cell is not found[0]:
            table.add_section()
        growth, unseen = cell.result.growth, cell.unseen_bytes
        table.add_row(
            cell.database if starts else "",
            cell.strategy,
            "unknown" if cell.result.peak_bytes is None else format_size(cell.result.peak_bytes),
            "unknown" if unseen is None else format_size(max(unseen, 0)),
            f"{cell.result.verdict}"
            # where nothing can be said, a figure would say something
            if growth is None or cell.result.verdict is Verdict.INCONCLUSIVE
            else f"{cell.result.verdict}, {format_growth(growth.bytes_per_1000_calls).partition(' /')[0]}",
            format_duration(cell.seen.first_row_seconds),
        )
    return table


def sentences(found: Sequence[Cell]) -> Iterator[str]:
    """Yield what the matrix says of iterator() and of pages on each database."""
    peaks = {(cell.database, cell.strategy): cell.result.peak_bytes for cell in found}
    for database in dict.fromkeys(cell.database for cell in found):
        naive, iterator, keyset = (peaks[database, strategy] for strategy in ("naive", "iterator", "keyset"))
        if naive and iterator and keyset:
            shares = f"iterator() peaks at {iterator / naive:.0%} of naive, pages of 1000 at {keyset / naive:.0%}"
            yield f"{database}: {shares}."


def server_table(database: str, rows: int) -> Table:
    """Return what PostgreSQL's server pays for three ways to iterate."""
    table = Table(title="What PostgreSQL pays for iterator()", title_justify="left")
    table.add_column("how")
    for name in ("client's peak", "server's temporary files", "first row after"):
        table.add_column(name, justify="right")
    for how, options in POSTGRESQL:
        run = measured(database, rows, options, strategies=("iterator",), calls=20)
        seen = probed(variant="iterator", rows=rows, database=database, **options)
        table.add_row(
            how,
            format_size(run.results[0].peak_bytes or 0),
            format_size(seen.server_temporary_bytes or 0),
            format_duration(seen.first_row_seconds),
        )
    return table


def main() -> int:
    """Measure and print; return 0 where every database that is here was measured."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rows", type=int, default=100_000, help="subscribers of a send (default 100000)")
    options.add_argument("--databases", nargs="+", default=list(ARMS), metavar="NAME", help="names or URLs")
    options.add_argument("--calls", type=int, default=1500, help="calls that growth is looked for in (default 1500)")
    said = options.parse_args()
    console, beside = make_console(), make_console(stderr=True)
    found: list[Cell] = []
    for database in said.databases:
        if reason := why_not(database):
            console.print(f"{database} is left out: {reason}", markup=False)
            continue
        beside.print(f"measuring {database} …", markup=False)
        found += cells(database, said.rows, said.calls)
    if not found:
        return 1
    console.print(matrix_table(found, said.rows))
    for sentence in sentences(found):
        console.print(sentence, markup=False)
    for database in dict.fromkeys(cell.database for cell in found):
        if parse_database(database).name == "postgresql":
            beside.print("measuring what PostgreSQL pays …")
            console.print()
            console.print(server_table(database, said.rows))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(str(failed))
