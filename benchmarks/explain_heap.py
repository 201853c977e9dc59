"""What it takes to find who holds the memory: our search beside guppy3, objgraph and Pympler, on the same heap.

    python benchmarks/explain_heap.py                      heaps of 300 thousand, 1 and 3 million objects
    python benchmarks/explain_heap.py --sizes 100000 -t ours -t objgraph

A fresh process builds the heap, with one list in it that grows by an entry a call; then each tool looks
before and after 400 calls and has to name that list. Seconds are without the calls; memory is what the
process and its forked copies take more than before, shared pages by shares. The peers are installed
with `pip install guppy3 objgraph pympler`; those that are missing are left out.
"""

import argparse
import gc
import importlib.util
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

CALLS = 400
SIZES = (300_000, 1_000_000, 3_000_000)
TIMEOUT_SECONDS = 300.0
_POLL_SECONDS = 0.02
_OBJECTS_A_ROW = 2
PACKAGES = {"guppy3": "guppy", "objgraph": "objgraph", "Pympler": "pympler"}

KEPT: list[object] = []
"""The culprit: all that the tools have to find."""
HEAP: list[object] = []


class Row:
    """One of the heap's objects, as an ORM makes them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"row {number}"
        self.tags = [number]


def build(objects: int) -> None:
    """Fill the heap with about so many objects that the collector tracks."""
    for number in range(objects // _OBJECTS_A_ROW):
        kind = number % 3
        if kind == 0:
            HEAP.append({"id": number, "items": [number]})
        elif kind == 1:
            HEAP.append(Row(number))
        else:
            HEAP.append((f"t{number}", [number], {number: str(number)}))


def request(number: int) -> dict[str, object]:
    """Return what a call leaves."""
    return {"payload": bytes(200), "items": [number]}


def replay(calls: int) -> None:
    """Make calls that each leave one entry in the culprit."""
    for number in range(calls):
        KEPT.append(request(number))  # noqa: PERF401 - one at a time, as calls come


class Clock:
    """Counts the seconds outside the calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done here."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began


def ours(clock: Clock) -> str:
    """Return the names that the search of the retention pass gives."""
    from leakcheck.probe.meters.memory import Meters
    from leakcheck.probe.retention.search import search_retention

    heap = Meters(("python", "native")).heap
    with clock.running():
        answers = list(search_retention(replay, heap, warm_up=0, calls=CALLS, bytes_per_call=550.0, seconds=60.0))
    return " ".join(holder["container"]["name"] for holder in answers[-1]["holders"] if holder["container"])


def guppy3(clock: Clock) -> str:
    """Return the shortest path to the largest object that is new."""
    heapy = importlib.import_module("guppy").hpy()
    with clock.running():
        heapy.setrelheap()
    replay(CALLS)
    with clock.running():
        return str(heapy.heap().byid[0].shpaths)


def objgraph(clock: Clock) -> str:
    """Return the chain that leads to an object of the type that grew most."""
    graph = importlib.import_module("objgraph")
    with clock.running():
        graph.growth()
    replay(CALLS)
    with clock.running():
        types = [name for name, _, delta in graph.growth() if delta >= CALLS]
        chain = graph.find_backref_chain(graph.by_type(types[0])[-1], graph.is_proper_module) if types else []
    return " ".join("KEPT" if link is KEPT else type(link).__name__ for link in chain)


def pympler(clock: Clock) -> str:
    """Return the tree of referrers of an object of the type that grew most."""
    muppy, refbrowser, summary = (
        importlib.import_module(f"pympler.{name}") for name in ("muppy", "refbrowser", "summary")
    )
    with clock.running():
        before = summary.summarize(muppy.get_objects())
    replay(CALLS)
    with clock.running():
        grown = summary.get_diff(before, summary.summarize(muppy.get_objects()))
        most = max(grown, key=lambda row: row[1])
        written = io.StringIO()
        newest = [one for one in gc.get_objects() if most[0].endswith(type(one).__name__)][-1]
        refbrowser.StreamBrowser(newest, maxdepth=3, stream=written).print_tree()
    return written.getvalue()


TOOLS: dict[str, Callable[[Clock], str]] = {"ours": ours, "guppy3": guppy3, "objgraph": objgraph, "Pympler": pympler}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What one tool took on one heap."""

    tool: str
    objects: int
    heap_bytes: int = 0
    seconds: float | None = None
    extra_bytes: int = 0
    named: bool = False
    remark: str = ""
    said: str = field(default="", repr=False)


def child(tool: str, objects: int) -> None:
    """Build the heap, let the tool search it, and say when each is done; the process beside us reads the memory."""
    build(objects)
    gc.collect()
    print(json.dumps({"built": len(gc.get_objects())}), flush=True)
    sys.stdin.readline()
    clock = Clock()
    said = TOOLS[tool](clock)
    print(json.dumps({"seconds": clock.seconds, "said": said}), flush=True)


def measure(tool: str, objects: int) -> Outcome:
    """Return what a tool took in a process of its own."""
    outcome = Outcome(tool=tool, objects=objects)
    command = [sys.executable, __file__, "--child", tool, "--sizes", str(objects)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        built = json.loads(process.stdout.readline())
        outcome.objects = built["built"]
        outcome.heap_bytes = before = _taken_bytes(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        most = before
        while process.poll() is None and time.monotonic() < deadline:
            most = max(most, _taken_bytes(process.pid))
            time.sleep(_POLL_SECONDS)
        if process.poll() is None:
            process.kill()
            outcome.remark = f"not done after {TIMEOUT_SECONDS:.0f} s"
            return outcome
        written, errors = process.communicate()
        outcome.extra_bytes = most - before
        if process.returncode:
            outcome.remark = (errors.strip().splitlines() or ["failed"])[-1]
            return outcome
        answer = json.loads(written.strip().splitlines()[-1])
    outcome.seconds, outcome.said = answer["seconds"], answer["said"]
    outcome.named = "KEPT" in outcome.said
    return outcome


def _taken_bytes(pid: int) -> int:
    """Return the memory of a process and its children, shared pages by shares."""
    total = 0
    try:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
            total += 1024 * int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
    except (psutil.Error, OSError, StopIteration):
        pass
    return total


def print_table(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print a row for each heap and tool."""
    table = Table(title=f"Who holds it? One list in the heap grows by an entry a call, {CALLS} calls")
    for heading in ("objects", "heap", "tool", "seconds", "more memory", "of the heap", "names the list"):
        table.add_column(heading, justify="left" if heading in ("tool", "names the list") else "right")
    for one in outcomes:
        done = one.seconds is not None
        table.add_row(
            f"{one.objects:,}",
            f"{one.heap_bytes / 2**20:.0f} MiB",
            one.tool,
            f"{one.seconds:.2f}" if one.seconds is not None else one.remark,
            f"{one.extra_bytes / 2**20:.0f} MiB" if done else "",
            f"{one.extra_bytes / max(1, one.heap_bytes):.2f}" if done else "",
            ("yes" if one.named else "no") if done else "",
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print the table; 1 where our search did not name the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="OBJECTS")
    parser.add_argument("-t", "--tool", action="append", choices=list(TOOLS), help="only this one; may be repeated")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child, options.sizes[0])
        return 0
    console = Console(width=None if sys.stdout.isatty() else 120)
    missing = {name for name, package in PACKAGES.items() if importlib.util.find_spec(package) is None}
    if missing:
        console.print(f"left out: {', '.join(sorted(missing))}; run `pip install guppy3 objgraph pympler`")
    tools = [tool for tool in options.tool or TOOLS if tool not in missing]
    outcomes: list[Outcome] = []
    for objects in options.sizes:
        for tool in tools:
            with console.status(f"{tool}, {objects:,} objects"):
                outcomes.append(measure(tool, objects))
    print_table(outcomes, console)
    # whatever was found of the list counts: a slow search is to be seen, a wrong one to fail
    return 0 if all(one.named for one in outcomes if one.tool == "ours") else 1


if __name__ == "__main__":
    sys.exit(main())
