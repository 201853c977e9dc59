"""Cost: how it grows with the cost of a call, with the heap, and with the number of scenarios.

    python benchmarks/cost.py --json benchmarks/results/cost.json
    python benchmarks/cost.py --part call,heap --repetitions 5

Each load is measured by `leakcheck run`, then by the peers where they are there, and then the same calls are replayed
in a plain loop; so figures that are compared were measured in the same minute. Times of two runs cannot be compared
on a shared machine, ratios of neighbours can. Nothing here is asserted. What has been measured is saved after each.
"""

import argparse
import importlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cost_figures import BARE, LEAKCHECK, Row
from most_memory import run_leakcheck
from rich.console import Console
from running import ROOT, run

from leakcheck._version import __version__

LOADS = ROOT / "benchmarks" / "loads.py"
SCHEMA = 1
"""1: parts, rows."""

CALLS = {"10 µs": "call_10_us", "1 ms": "call_1_ms", "20 ms": "call_20_ms"}
HEAPS = {"10 k": "heap_10_k", "300 k": "heap_300_k", "3 M": "heap_3_m"}
DEAR = ("20 ms", "3 M")
"""On these the peers are asked once, whatever the repetitions: some take minutes."""

COUNTS, JOBS = (1, 10, 100), (1, 2)
MANY = 100
"""So many scenarios are measured once, whatever the repetitions: they are their own."""

_PEER_TIMEOUT_SECONDS = 300.0
_TIMEOUT_SECONDS = 1200.0
"""No load takes a tenth of this; it only keeps what hangs from hanging the rest."""

_SMALL = '''
@scenario
def small_{number}() -> None:
    """Sort a hundred numbers."""
    sorted(NUMBERS)
'''


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, save after each load, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default=",".join(PARTS), help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--repetitions", type=int, default=3, help="of each load (default 3)")
    parser.add_argument("--no-peers", action="store_true", help="leakcheck and the bare replay alone")
    parser.add_argument("--envs", type=Path, default=ROOT / ".leakcheck" / "envs", help="where peers are installed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured to FILE as well")
    options = parser.parse_args(arguments)
    parts = options.part.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; the parts are {', '.join(PARTS)}")
    console = Console(width=None if sys.stdout.isatty() else 120)
    peers = {} if options.no_peers else find_peers(options.envs)
    head: dict[str, Any] = {"schema": SCHEMA, "started": now(), "machine": machine(), "leakcheck": __version__}
    head |= {"parts": parts, "repetitions": options.repetitions, "tools": [LEAKCHECK, *peers, BARE]}
    rows: list[Row] = []
    for part in parts:
        for row in PARTS[part](options.repetitions, peers):
            rows.append(row)
            console.print(as_line(row), highlight=False)
            if options.json:
                save(options.json, {**head, "finished": now(), "rows": [asdict(one) for one in rows]})
    return 0


# --- the parts ------------------------------------------------------------------------------------

Ask = Callable[[str], Row]
"""Has a peer judge one of the loads; the row lacks its part, its case and its repetition."""


def by_call(repetitions: int, peers: dict[str, Ask]) -> Iterator[Row]:
    """Yield what calls of several costs take."""
    yield from by_load("call", CALLS, repetitions, peers)


def by_heap(repetitions: int, peers: dict[str, Ask]) -> Iterator[Row]:
    """Yield what calls of a millisecond take beside heaps of several sizes."""
    yield from by_load("heap", HEAPS, repetitions, peers)


def by_load(part: str, cases: dict[str, str], repetitions: int, peers: dict[str, Ask]) -> Iterator[Row]:
    """Yield a row for each tool on each load, neighbours one after the other."""
    for case, name in cases.items():
        for repetition in range(repetitions):
            common = {"part": part, "case": case, "repetition": repetition}
            mine = measured([f"{LOADS}::{name}", "--no-peak", "--no-report"])
            yield named(mine, **common)
            for ask in peers.values() if repetition == 0 or case not in DEAR else ():
                yield named(ask(name), **common)
            # with none of the calls too: what is left is the start, and the setting up
            for calls in (0, mine.calls or 0):
                yield named(bare(LOADS, name, calls), **common)


def by_scenarios(repetitions: int, _: dict[str, Ask]) -> Iterator[Row]:
    """Yield what one, ten and a hundred small scenarios take, on one and on two cores, peaks measured and not."""
    for count in COUNTS:
        for repetition in range(1 if count >= MANY else repetitions):
            with tempfile.TemporaryDirectory(prefix="cost-") as folder:
                file = Path(folder) / "small.py"
                file.write_text(small_scenarios(count), encoding="utf-8")
                common = {"part": "scenarios", "case": str(count), "scenarios": count, "repetition": repetition}
                calls = 0
                for jobs in JOBS:
                    for peaks in (True, False):
                        mine = measured([str(file), f"--jobs={jobs}", *([] if peaks else ["--no-peak"])])
                        calls = (mine.calls or 0) // count
                        yield named(mine, **common, jobs=jobs, peaks=peaks)
                yield named(bare(file, "small_0", calls), **common)


PARTS = {"call": by_call, "heap": by_heap, "scenarios": by_scenarios}


def small_scenarios(count: int) -> str:
    """Return a file of so many scenarios that do next to nothing."""
    head = "from leakcheck.scenario import scenario\n\nNUMBERS = list(range(100, 0, -1))\n"
    return head + "".join(_SMALL.format(number=number) for number in range(count))


# --- the tools ------------------------------------------------------------------------------------


def measured(arguments: Sequence[str]) -> Row:
    """Return what `leakcheck run` takes over all its scenarios."""
    with tempfile.TemporaryDirectory(prefix="cost-") as place:
        document, folder = Path(place) / "run.json", Path(place)
        ran, peak_bytes = run_leakcheck(
            ["run", *arguments, "--json", str(document), "--output", str(folder / "reports")],
            folder,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        if not document.is_file():
            raise SystemExit(f"leakcheck wrote no document:\n{ran.last_words}")
        results = json.loads(document.read_text(encoding="utf-8"))["results"]
    if failures := [one["failure"]["message"] for one in results if one["failure"]]:
        raise SystemExit(f"leakcheck could not measure: {failures[0]}")
    return Row(
        tool=LEAKCHECK,
        cpu_seconds=ran.cpu_seconds,
        wall_seconds=ran.wall_seconds,
        calls=sum(one["growth"]["calls"] for one in results),
        verdict=", ".join(sorted({one["verdict"] for one in results})),
        replay_seconds=sum(one["replay_seconds"] for one in results),
        measured_seconds=sum(one["duration_seconds"] for one in results),
        start_seconds=sum(one["start_seconds"] for one in results),
        peak_bytes=peak_bytes,
    )


def bare(file: Path, name: str, calls: int) -> Row:
    """Return what as many calls take in a plain loop, in a process of their own."""
    command = [sys.executable, str(ROOT / "benchmarks" / "bare.py"), str(file), name, "-", str(calls)]
    ran = run(command, folder=ROOT, environment={}, timeout_seconds=_TIMEOUT_SECONDS)
    if not ran.output:
        raise SystemExit(f"the bare replay failed:\n{ran.last_words}")
    return Row(tool=BARE, calls=calls, cpu_seconds=ran.cpu_seconds, wall_seconds=ran.wall_seconds)


def find_peers(environments: Path) -> dict[str, Ask]:
    """Return how each tool of `peers/` is asked; none where that folder, or what they are installed from, is not."""
    if importlib.util.find_spec("peers") is None:
        return {}
    # by name: this part does without them where they are not there
    asking, registry, words, places = map(
        importlib.import_module, ("peers.asking", "peers.registry", "peers.words", "environments")
    )
    try:
        lent = places.lent_folder(environments, registry.LENT)
    except places.InstallError as error:
        print(f"the peers cannot be installed, and are left out:\n{error}", file=sys.stderr)
        return {}

    def asked(tool: str, name: str) -> Row:
        body = words.Body(file=LOADS, name=name, folder=ROOT, python=Path(sys.executable))
        answer = asking.ask(tool, body, lent, timeout_seconds=_PEER_TIMEOUT_SECONDS)
        return Row(
            tool=tool,
            cpu_seconds=answer.cpu_seconds,
            wall_seconds=answer.wall_seconds,
            calls=answer.said.calls,
            verdict=str(answer.said.verdict),
        )

    return {peer.name: partial(asked, peer.name) for peer in registry.PEERS}


# --- what is told ---------------------------------------------------------------------------------


def named(row: Row, **fields: Any) -> Row:
    """Return the row with what it belongs to."""
    return Row(**{**asdict(row), **fields})


def as_line(row: Row) -> str:
    """Return a row for whoever waits."""
    where = f"{row.part} {row.case}" + (f" jobs {row.jobs}{' peaks' if row.peaks else ''}" if row.jobs else "")
    calls = "" if row.calls is None else f"{row.calls:,} calls"
    return (
        f"{where:24} {row.tool:16} {row.verdict:12} {calls:>13} {row.cpu_seconds:8.2f} s CPU {row.wall_seconds:8.2f} s"
    )


def machine() -> dict[str, Any]:
    """Return what a reader has to know of where it was measured, and nothing that names the place."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def now() -> str:
    """Return the time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def save(path: Path, document: dict[str, Any]) -> None:
    """Write what was measured so far, so that what is there is always whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
