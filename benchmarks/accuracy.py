"""Accuracy: leakcheck's verdicts and rates on leaks and look-alikes whose truth is known.

    python benchmarks/accuracy.py                       the gallery and the corpus
    python benchmarks/accuracy.py --gallery             the gallery alone; nothing is installed
    python benchmarks/accuracy.py --corpus DIR -k lru   another corpus, and of it what matches

Exit code 1 when a leak is missed, a clean arm is called a leak, a run fails, a rate is more than
5 % off, or more than one arm in ten is inconclusive.
"""

import argparse
import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from arms import Arm, Mark, Outcome, corpus_arms, gallery_arms, judged, picked
from environments import make_environments
from report import print_outcomes, print_summary, summary
from rich.console import Console
from running import ROOT, run_leakcheck

GALLERY = ROOT / "scenarios" / "gallery"
CORPUS = ROOT / "benchmarks" / "corpus"
ARM_TIMEOUT_SECONDS = 300.0
Job = Callable[[], list[Outcome]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print the tables, and return the exit code."""
    options = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 190)
    if importlib.util.find_spec("leakcheck") is None:
        console.print("leakcheck is not installed here; run `pip install -e .` in the project first")
        return 2
    both = not options.gallery and options.corpus is None
    gallery = picked(gallery_arms(GALLERY), options.k) if options.gallery or both else []
    corpus = picked(corpus_arms(options.corpus or CORPUS), options.k) if options.corpus or both else []
    if not gallery and not corpus:
        console.print(f"-k {options.k!r} picks nothing")
        return 2
    with console.status("environments"):
        pythons = make_environments(
            (arm.packages for arm in corpus), options.envs, partial(console.print, markup=False)
        )
    without = [arm for arm in corpus if arm.packages not in pythons]
    refused = [Outcome(arm=arm, mark=Mark.LEFT_OUT, remark="not installed") for arm in without]
    jobs: list[Job] = [partial(run_gallery, gallery)] if gallery else []
    jobs += [partial(run_arm, arm, pythons[arm.packages]) for arm in corpus if arm.packages in pythons]
    outcomes = [*run_all(jobs, options.jobs), *refused]
    order = {(arm.case, arm.name): place for place, arm in enumerate([*gallery, *corpus])}
    outcomes.sort(key=lambda outcome: order[outcome.arm.case, outcome.arm.name])
    totals = summary(outcomes)
    print_outcomes(outcomes, console)
    print_summary(totals, console)
    if options.json:
        save(options.json, outcomes, dataclasses.asdict(totals))
    return 0 if totals.good else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; `corpus` is None when it was not asked for by name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gallery", action="store_true", help="run the gallery")
    parser.add_argument(
        "--corpus", nargs="?", const=CORPUS, type=Path, metavar="DIR", help="run a corpus (default: ours)"
    )
    parser.add_argument("-k", metavar="EXPR", help="only arms whose name, case-arm, matches; as `leakcheck run -k`")
    parser.add_argument("--envs", type=Path, default=ROOT / ".leakcheck" / "envs", help="where environments are kept")
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time; verdicts do not depend on it, seconds do")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes to FILE as well")
    options = parser.parse_args(arguments)
    options.corpus = options.corpus and options.corpus.resolve()
    options.envs = options.envs.resolve()
    return options


def run_all(jobs: Sequence[Job], workers: int) -> list[Outcome]:
    """Return every job's outcomes; a line for each is printed to stderr as it ends."""
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for ended in as_completed([pool.submit(job) for job in jobs]):
            for outcome in ended.result():
                outcomes.append(outcome)
                print(f"{outcome.arm.case} {outcome.arm.name}: {outcome.verdict} ({outcome.mark})", file=sys.stderr)
    return outcomes


def run_gallery(arms: Sequence[Arm]) -> list[Outcome]:
    """Return the outcomes of one run over the gallery, or over what was picked of it."""
    whole = len(arms) == len(gallery_arms(GALLERY))
    targets = [str(GALLERY)] if whole else [f"{arm.folder / arm.file}::{arm.case}" for arm in arms]
    results, complaint, _ = run_leakcheck(
        targets, folder=ROOT, environment={}, timeout_seconds=ARM_TIMEOUT_SECONDS * len(arms)
    )
    by_name = {result["scenario"]: result for result in results}
    return [
        judged(arm, by_name[arm.case])
        if arm.case in by_name
        else Outcome(arm=arm, mark=Mark.FAILED, remark=complaint or "not among the results")
        for arm in arms
    ]


def run_arm(arm: Arm, python: Path) -> list[Outcome]:
    """Return the outcome of one arm of a corpus, measured in its environment, from its folder."""
    module = Path(arm.file).stem
    arguments = ["--python", str(python), f"{module}:call", "--setup", f"{module}:setup"]
    results, complaint, _ = run_leakcheck(
        arguments, folder=arm.folder, environment=arm.environment, timeout_seconds=ARM_TIMEOUT_SECONDS
    )
    if not results:
        return [Outcome(arm=arm, mark=Mark.FAILED, remark=complaint or "no result")]
    return [judged(arm, results[0])]


def save(path: Path, outcomes: Sequence[Outcome], totals: Mapping[str, Any]) -> None:
    """Write the outcomes and the summary as JSON."""
    rows = []
    for outcome in outcomes:
        arm = outcome.arm
        known = {"low": arm.low_bytes_per_call, "high": arm.high_bytes_per_call}
        said = {**dataclasses.asdict(outcome), "arm": arm.name}
        rows.append({"case": arm.case, "truth": arm.truth, "known_bytes_per_call": known, **said})
    path.write_text(json.dumps({"summary": totals, "outcomes": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
