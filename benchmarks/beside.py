"""leakcheck beside the tools that people use today: the same functions, one after the other, in one run.

    python benchmarks/beside.py                               the gallery, the corpus, and what it costs to be right
    python benchmarks/beside.py --gallery -k lru --tools psleak,leakcheck
    python benchmarks/beside.py --json benchmarks/results/beside.json

Each tool is asked in a fresh process, in the arm's own environment, with the settings that its documentation
recommends; `peers/` has a file for each. All tools are asked about an arm before the next arm begins, and after
each a plain loop makes as many calls, so that figures which are compared were measured in the same minute. What has
been measured is saved after each arm. Exit code 0 whatever the tools say; 2 when nothing could be measured.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from arms import Arm, corpus_arms, gallery_arms, picked
from environments import InstallError, lent_folder, make_environments
from functions import APART, TRUTH
from outcomes import Row, Standing, judged
from peers.asking import ask, replay_bare
from peers.registry import LEAKCHECK, LENT, TOOLS
from peers.words import Body
from records import Record
from rich.console import Console
from running import ROOT
from tables import print_record

GALLERY, CORPUS = ROOT / "scenarios" / "gallery", ROOT / "benchmarks" / "corpus"
FUNCTIONS = ROOT / "benchmarks" / "functions.py"
GALLERY_PACKAGES = ("Django==5.2.6",)
FACTORS = (1, 4, 16, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What asks: the tools, and where they are found."""

    tools: tuple[str, ...]
    lent: Path
    pythons: dict[tuple[str, ...], Path]
    timeout_seconds: float
    repetitions: int
    bare: dict[tuple[str, int], float] = field(default_factory=dict)
    """CPU seconds of bare replays of this arm, by its name and the calls: some tools make the same number."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, save, print, and return the exit code."""
    options = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150)
    arms = chosen_arms(options)
    try:
        with console.status("environments"):
            lent = lent_folder(options.envs, LENT)
            wanted = [*(arm.packages for arm in arms), *([()] if options.functions else [])]
            pythons = make_environments(wanted, options.envs, partial(console.print, markup=False))
    except InstallError as error:
        console.print(f"the peers cannot be installed:\n{error}", markup=False)
        return 2
    arms = [arm for arm in arms if arm.packages in pythons]
    if not arms and not options.functions:
        console.print("nothing is left to be measured")
        return 2
    bench = Bench(
        tools=options.tools,
        lent=lent,
        pythons=pythons,
        timeout_seconds=options.timeout,
        repetitions=options.repetitions,
    )
    record = Record.begun(tools_named=options.tools, lent=lent, arms=arms, options=options)
    with ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        for ended in as_completed([pool.submit(ask_all, bench, arm) for arm in arms]):
            record.add(rows=ended.result())
            record.save(options.json)
    if options.functions:
        for rows in ask_until_right(bench):
            record.add(functions=rows)
            record.save(options.json)
    print_record(record.document(), console)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; without `--gallery`, `--corpus` and `--functions` all three are on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gallery", action="store_true", help="the gallery")
    parser.add_argument("--corpus", nargs="?", const=CORPUS, type=Path, metavar="DIR", help="a corpus (default: ours)")
    parser.add_argument("--functions", action="store_true", help="what it costs to be right about six small functions")
    parser.add_argument("-k", metavar="EXPR", help="only arms whose name, case-arm, matches; as `leakcheck run -k`")
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"some of: {', '.join(TOOLS)}")
    parser.add_argument("--envs", type=Path, default=ROOT / ".leakcheck" / "envs", help="where environments are kept")
    parser.add_argument("--repetitions", type=int, default=1, help="how often each tool is asked about an arm")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="a tool has no longer (120)")
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time; verdicts do not depend on it, seconds do")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save what is measured to FILE, arm by arm")
    options = parser.parse_args(arguments)
    options.tools = tuple(tool for tool in TOOLS if tool in [name.strip() for name in options.tools.split(",")])
    if not options.tools:
        parser.error(f"--tools: choose from {', '.join(TOOLS)}")
    if not (options.gallery or options.corpus or options.functions):
        options.gallery, options.corpus, options.functions = True, CORPUS, options.k is None
    options.envs = options.envs.resolve()
    return options


def chosen_arms(options: argparse.Namespace) -> list[Arm]:
    """Return the arms that were asked for, the gallery in an environment of its own like the others."""
    arms = gallery_arms(GALLERY, GALLERY_PACKAGES) if options.gallery else []
    if options.corpus:
        arms += corpus_arms(options.corpus.resolve())
    return picked(arms, options.k)


def ask_all(bench: Bench, arm: Arm) -> list[Row]:
    """Ask every tool about an arm, one after the other."""
    body = body_of(arm, bench.pythons[arm.packages])
    return [
        ask_once(bench, arm, body, tool, repetition=repetition)
        for repetition in range(bench.repetitions)
        for tool in bench.tools
    ]


def ask_once(bench: Bench, arm: Arm, body: Body, tool: str, *, repetition: int = 0, factor: int = 1) -> Row:
    """Ask a tool once, then replay as many calls in a plain loop."""
    answer = ask(tool, body, bench.lent, factor=factor, timeout_seconds=bench.timeout_seconds)
    calls = None if answer.timed_out else answer.said.calls
    row = Row(
        **judged(arm, tool, answer.said),
        repetition=repetition,
        factor=factor,
        cpu_seconds=answer.cpu_seconds,
        wall_seconds=answer.wall_seconds,
        timed_out=answer.timed_out,
        bare_cpu_seconds=None if calls is None else bare_cpu_seconds(bench, arm, body, calls, repetition),
    )
    times = f" ×{factor}" if factor > 1 else ""
    said = f"{row.verdict} ({row.standing}), {row.calls or 0:,} calls, {row.cpu_seconds:.2f} s CPU"
    print(
        f"{row.arm} · {tool}{times}: {said} {row.detail if row.standing is not Standing.RIGHT else ''}", file=sys.stderr
    )
    return row


def bare_cpu_seconds(bench: Bench, arm: Arm, body: Body, calls: int, repetition: int) -> float | None:
    """Return the CPU seconds of a bare replay, of the same repetition where one was made; None where it fails."""
    key = (f"{arm.case}-{arm.name}-{repetition}", calls)
    if key not in bench.bare:
        ran = replay_bare(body, calls, timeout_seconds=bench.timeout_seconds)
        if ran.exit_code != 0:
            return None
        bench.bare[key] = ran.cpu_seconds
    return bench.bare[key]


def body_of(arm: Arm, python: Path) -> Body:
    """Return what is replayed of an arm: a corpus has `setup` and `call`, a scenario is a function of its own."""
    plain = arm.name not in ("gallery", "function")
    return Body(
        file=arm.folder / arm.file,
        name="call" if plain else arm.case,
        setup="setup" if plain else "",
        folder=arm.folder,
        python=python,
        environment=arm.environment,
        marked=not plain,
    )


def function_arms(truths: Mapping[str, str]) -> list[Arm]:
    """Return small functions, in the order that a tool is asked about them."""
    return [
        Arm(case=name, name="function", truth=truth, folder=FUNCTIONS.parent, file=FUNCTIONS.name)
        for name, truth in truths.items()
    ]


def ask_until_right(bench: Bench) -> Iterator[list[Row]]:
    """Ask each tool about the small functions with ever more calls, until it makes no mistake."""
    for tool in bench.tools:
        yield [ask_once(bench, arm, body_of(arm, bench.pythons[()]), tool) for arm in function_arms(APART)]
        for factor in (1,) if tool == LEAKCHECK else FACTORS:
            rows = list(ask_until_wrong(bench, tool, factor))
            yield rows
            # with more calls, what ran out of time would do so again
            if all(row.standing is Standing.RIGHT for row in rows) or any(row.timed_out for row in rows):
                break


def ask_until_wrong(bench: Bench, tool: str, factor: int) -> Iterator[Row]:
    """Ask about one function after the other; with more than the usual calls the first mistake ends it."""
    for repetition in range(bench.repetitions):
        for arm in function_arms(TRUTH):
            body = body_of(arm, bench.pythons[()])
            row = ask_once(bench, arm, body, tool, repetition=repetition, factor=factor)
            yield row
            if factor > 1 and row.standing is not Standing.RIGHT:
                return


if __name__ == "__main__":
    sys.exit(main())
