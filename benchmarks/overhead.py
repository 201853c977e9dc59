"""Overhead: the CPU of the growth pass over that of a bare replay of the same calls.

    python benchmarks/overhead.py [-k TEXT] [--repetitions N] [--json FILE]

For each load, pairs are run one after the other: `leakcheck run`, whose document says how many calls
it replayed and what the measured process cost; then a plain loop of as many calls in a process of
its own, import and set-up included. Printed are the ratios of the pairs: `whole` of the two
processes as they are, `replay` with the cost of starting taken off both. Times of two runs cannot
be compared on a shared machine, ratios of neighbours can. Nothing here is asserted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
LOADS = ROOT / "benchmarks" / "loads.py"
BARE = ROOT / "benchmarks" / "bare.py"
NOTHING_CPU = "import resource as r; u = r.getrusage(r.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A scenario that keeps nothing, and what a call of it costs."""

    name: str
    path: Path
    variant: str | None = None

    @property
    def target(self) -> str:
        """As `leakcheck run` takes it."""
        return f"{self.path}::{self.name}" + (f"[{self.variant}]" if self.variant else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One measured and one bare replay of the same calls."""

    calls: int
    measured_cpu_seconds: float
    bare_cpu_seconds: float


def loads() -> list[Load]:
    """Return the loads of this folder, and the newsletter where it is present."""
    found = [Load(name=name, path=LOADS) for name in ("about_20_us", "about_100_us", "about_1_ms", "about_5_ms")]
    newsletter = ROOT / "scenarios" / "newsletter" / "scenario.py"
    if newsletter.is_file():
        found.append(Load(name="newsletter", path=newsletter, variant="iterator"))
    return found


def measured(target: str, *arguments: str) -> tuple[int, float]:
    """Return the calls that `leakcheck run` replayed and the CPU seconds of the measured process."""
    with tempfile.TemporaryDirectory(prefix="overhead-") as place:
        document = Path(place) / "run.json"
        command = [sys.executable, "-m", "leakcheck", "run", target, "--no-peak", *arguments]
        done = subprocess.run(
            [*command, "--json", str(document), "--output", str(Path(place) / "reports")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if not document.is_file():
            raise SystemExit(f"{target}: leakcheck wrote no document:\n{done.stderr}")
        result: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))["results"][0]
    if result.get("trouble"):
        raise SystemExit(f"{target}: {result['trouble']['message']}")
    return int(result["growth"]["calls"]), float(result["worker_cpu_seconds"])


def bare(load: Load, calls: int) -> float:
    """Return the CPU seconds of a process that replays as many calls in a plain loop."""
    command = [sys.executable, str(BARE), str(load.path), load.name, load.variant or "-", str(calls)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["cpu_seconds"])


def start_cost(repetitions: int) -> tuple[float, float]:
    """Return the median CPU seconds of a worker with next to nothing to do, and of a bare interpreter."""
    workers, interpreters = [], []
    for _ in range(repetitions):
        workers.append(measured(f"{LOADS}::nothing", "--calls", "1")[1])
        done = subprocess.run([sys.executable, "-c", NOTHING_CPU], capture_output=True, text=True, check=True)
        interpreters.append(float(done.stdout))
    return statistics.median(workers), statistics.median(interpreters)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="TEXT", default="", help="only loads whose name holds TEXT")
    parser.add_argument("--repetitions", type=int, default=5, help="pairs for each load (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the pairs to FILE as well")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    chosen = [load for load in loads() if options.k in load.name]
    worker, interpreter = start_cost(options.repetitions)
    pairs: dict[str, list[Pair]] = {load.target: [] for load in chosen}
    starts = {load.target: bare(load, 0) for load in chosen}
    for repetition in range(options.repetitions):
        with console.status(f"repetition {repetition + 1} of {options.repetitions}"):
            for load in chosen:
                calls, cpu = measured(load.target)
                pairs[load.target].append(
                    Pair(calls=calls, measured_cpu_seconds=cpu, bare_cpu_seconds=bare(load, calls))
                )
    # what a worker loads that the bare process does not, the same for every load
    extra = worker - statistics.median(bare(Load(name="nothing", path=LOADS), 1) for _ in range(options.repetitions))
    show(chosen, pairs, starts, extra, console)
    console.print(
        f"\na worker that measures nothing: {worker:.3f} s CPU, {worker - interpreter:+.3f} s over a bare interpreter"
    )
    if options.json:
        document = {"worker_cpu_seconds": worker, "interpreter_cpu_seconds": interpreter}
        rows = {target: [asdict(pair) for pair in found] for target, found in pairs.items()}
        options.json.write_text(json.dumps({**document, "pairs": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


def show(
    chosen: Sequence[Load],
    pairs: dict[str, list[Pair]],
    starts: dict[str, float],
    worker_extra_seconds: float,
    console: Console,
) -> None:
    """Print a load a row: median ratio, and the least and greatest of the pairs."""
    table = Table(box=None, pad_edge=False)
    table.add_column("load", no_wrap=True)
    for heading in ("calls", "ms/call", "bare CPU s", "whole: median", "min", "max", "replay: median", "min", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    for load in chosen:
        found = pairs[load.target]
        start = starts[load.target]
        whole = [pair.measured_cpu_seconds / pair.bare_cpu_seconds for pair in found]
        # both import and set up; the worker loads its own parts besides
        replay = [
            (pair.measured_cpu_seconds - start - worker_extra_seconds) / max(pair.bare_cpu_seconds - start, 1e-9)
            for pair in found
        ]
        calls = statistics.median(pair.calls for pair in found)
        cpu = statistics.median(pair.bare_cpu_seconds for pair in found)
        table.add_row(
            load.name,
            f"{calls:,.0f}",
            f"{1000 * (cpu - start) / max(calls, 1):.3f}",
            f"{cpu:.2f}",
            *(f"{value:.3f}" for value in (statistics.median(whole), min(whole), max(whole))),
            *(f"{value:.3f}" for value in (statistics.median(replay), min(replay), max(replay))),
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
