"""The terminal's output: gold files of whole pages, and the texts of its cells.

Where the page is meant to change, `LEAKCHECK_GOLD=write pytest tests/unit/reporters/test_terminal.py` writes
it anew, and git shows what became of it.
"""

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from leakcheck.analysis.gate.baseline import compare_with_baseline
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.explanation import Explanation, KnownEntry, KnownLeak, Link, RetentionPath, TracerName
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Growth, Result
from leakcheck.model.run import Environment, Run, Shard
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.cells import gate_text, growth_text
from leakcheck.reporters.terminal import render_run
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, ENVIRONMENT, LEAK, MIB, NAIVE, TOLERANCE, UNSURE, growth, run_of

GOLD = Path(__file__).parents[1] / "gold"
WIDTH = 120


def page(run: Run, folder: Path | None = None, *, width: int = WIDTH, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    for part in render_run(run, folder):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


MISSING = Failure(kind=FailureKind.MISSING, message="no memray")
EXPLAINED = replace(
    LEAK,
    over_budget=("growth",),
    explanation=Explanation(
        containers=(SENT,),
        retention_paths=(SENT_PATH,),
        allocation_sites=(SITE,),
        allocation_tracer=TracerName.MEMRAY,
        explained_fraction=0.98,
    ),
)
KNOWN = KnownLeak(entry="*SENT*", reason="ticket 12", bytes_per_1000_calls=143 * MIB, share=0.99)
FORGIVEN = replace(EXPLAINED, variant="accepted", gate=Gate.WITHIN, over_budget=(), known_leaks=(KNOWN,))
CHAIN = RetentionPath(
    links=(Link(step="chain", type="module"), Link(step=".Chain.last", type="Node")),
    share=1.0,
    fingerprint="b" * 12,
    held_by_native=True,
)
CHAINED = replace(
    EXPLAINED,
    variant="chained",
    explanation=replace(
        EXPLAINED.explanation,
        containers=(),
        retention_paths=(CHAIN,),
        allocation_sites=(),
        explained_fraction=None,
        notes=("tracing with memray ended early: the process ended",),
    ),
)


def accepted(result: Result, growth_bytes: int | None, peak_bytes: int | None, reason: str = "") -> Result:
    """Return a result beside what was accepted of it."""
    entry = BaselineEntry(
        verdict=result.verdict,
        target=result.target,
        growth_bytes_per_1000_calls=growth_bytes,
        peak_bytes=peak_bytes,
        reason=reason,
    )
    return compare_with_baseline(result, entry, TOLERANCE)


CHECKED = replace(
    run_of(
        accepted(NAIVE, 0, int(93.1 * MIB), "ticket 7"),
        accepted(CLEAN, 0, int(4.7 * MIB)),
        accepted(LEAK, 120 * MIB, int(93.4 * MIB), "ticket 12"),
        accepted(replace(LEAK, variant="a_little_more"), 140 * MIB, int(93.4 * MIB), "ticket 12"),
        accepted(replace(LEAK, variant="unsure", growth=growth(150 * MIB, 5 * MIB)), 144 * MIB, None),
        accepted(replace(CLEAN, variant="mended"), 144 * MIB, int(93.4 * MIB)),
        accepted(replace(LEAK, variant="late", growth=growth(70_000), peak_bytes=9_000), 60_000, 9_000),
        accepted(replace(CLEAN, variant="dearer"), 0, 4 * MIB),
        compare_with_baseline(replace(CLEAN, variant="added"), None, TOLERANCE),
        compare_with_baseline(replace(LEAK, variant="added_too"), None, TOLERANCE),
        BROKEN,
    ),
    baseline="leakcheck-baseline.json",
    missing_scenarios=("newsletter[values]", "parser_of_old"),
)
UNSEEN = KnownEntry(match="*OUTBOX*", scenario="newsletter[outbox]", reason="ticket 7")
RUNS = {
    "every_verdict": (run_of(NAIVE, CLEAN, LEAK, BOUNDED, UNSURE, BROKEN), Path("reports/2026-11-24T10-12-07")),
    "all_within": (run_of(CLEAN), Path("reports/2026-11-24T10-12-07")),
    "interrupted": (run_of(CLEAN, finished=False), None),
    "nothing": (run_of(environment=None), None),
    "explained": (
        replace(run_of(EXPLAINED, FORGIVEN, CHAINED), known_leaks_not_found=(UNSEEN,)),
        Path("reports/2026-11-24T10-12-07"),
    ),
    "checked": (CHECKED, Path("reports/2026-11-24T10-12-07")),
    "shard": (
        replace(run_of(CLEAN, LEAK), shard=Shard(number=2, count=3, whole=("a", "b", "newsletter[iterator]", "c"))),
        Path("reports/2026-11-24T10-12-07"),
    ),
    "empty_shard": (replace(run_of(), shard=Shard(number=3, count=3, whole=("a", "b"))), None),
    "without_memray": (run_of(replace(CLEAN, peak_bytes=None, peak_failure=MISSING)), None),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_matches_its_gold_file(name: str) -> None:
    gold = GOLD / f"{name}.txt"
    run, folder = RUNS[name]
    shown = page(run, folder)
    if os.environ.get("LEAKCHECK_GOLD") == "write":
        gold.write_text(shown, encoding="utf-8")
    assert shown == gold.read_text(encoding="utf-8")


def test_the_gold_files_are_the_runs_and_no_others() -> None:
    assert {path.stem for path in GOLD.glob("*.txt")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_no_line_is_wider_than_the_terminal(name: str) -> None:
    for width in (80, WIDTH):
        assert max(map(len, page(RUNS[name][0], width=width).splitlines())) <= width


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (None, "-"),
        (growth(0.0, 96.0), "0 B ± 96 B"),
        (growth(144 * MIB, 0.1 * MIB), "144 MiB ± 102 KiB"),
        (growth(0.0, 1e15), "unknown"),
        (growth(0.0, 0.99e14), "0 B ± 92,201 GiB"),
        # the wider of the two bounds is the one that is owed to the reader
        (growth(100.0, 10.0, low=79.0), "100 B ± 21 B"),
    ],
)
def test_a_growth_is_shown_with_the_wider_of_its_bounds(measured: Growth | None, words: str) -> None:
    assert growth_text(measured) == words


def test_the_gate_names_the_exceeded_budgets() -> None:
    assert gate_text(CLEAN) == "pass"
    assert gate_text(NAIVE) == "FAIL peak"
    assert gate_text(LEAK) == "FAIL growth, peak"


HOSTILE = "[bold]x[/bold]\x1b[31m\u202e"
SHOWN = "[bold]x[/bold]\\x1b[31m\\u202e"


@pytest.mark.parametrize(
    "run",
    [
        run_of(replace(CLEAN, scenario=HOSTILE)),
        run_of(replace(CLEAN, variant=HOSTILE)),
        run_of(replace(LEAK, over_budget=(HOSTILE,))),
        run_of(replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message=HOSTILE))),
        run_of(replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message="E", details=f"line 1\n{HOSTILE}"))),
        run_of(CLEAN, environment=replace(ENVIRONMENT, libc=HOSTILE)),
        run_of(CLEAN, environment=replace(ENVIRONMENT, python=HOSTILE)),
        run_of(CLEAN, environment=replace(ENVIRONMENT, allocator=HOSTILE)),
        replace(run_of(CLEAN), baseline=HOSTILE),
        replace(run_of(CLEAN), baseline="b", missing_scenarios=(HOSTILE,)),
        run_of(accepted(LEAK, 144 * MIB, None, HOSTILE)),
        replace(run_of(replace(CLEAN, is_new=True, target=HOSTILE)), baseline="b"),
        run_of(
            replace(
                LEAK,
                baseline_changes=tuple(
                    replace(row, tolerance=HOSTILE) for row in accepted(LEAK, 1, None).baseline_changes
                ),
            )
        ),
    ],
    ids=[
        "scenario",
        "variant",
        "failures",
        "message",
        "details",
        "libc",
        "python",
        "allocator",
        "baseline",
        "gone",
        "reason",
        "target",
        "allowed",
    ],
)
def test_foreign_text_is_escaped_on_a_terminal_with_colours(run: Run) -> None:
    shown = page(run, width=400, colour=True)
    assert SHOWN in shown
    assert HOSTILE not in shown


def test_a_folder_is_escaped_too() -> None:
    assert SHOWN in page(run_of(CLEAN), Path(HOSTILE.replace("/", "")), width=400).replace(
        "[bold]x[bold]", "[bold]x[/bold]"
    )


def test_a_long_traceback_is_shown_by_its_end() -> None:
    details = "\n".join(f"line {number}" for number in range(1, 31))
    shown = page(run_of(replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message="E", details=details))))
    assert "line 18\n" not in shown
    assert [f"line {number}" for number in range(19, 31)] == [
        line.strip() for line in shown.splitlines() if line.strip().startswith("line")
    ]


def test_the_first_line_names_the_environment() -> None:
    def first_line(environment: Environment) -> str:
        return page(run_of(environment=environment)).splitlines()[0]

    assert first_line(replace(ENVIRONMENT, git_commit=None)) == "CPython 3.11.7 · linux-x86_64 · glibc 2.36 · pymalloc"
    assert first_line(ENVIRONMENT).endswith("pymalloc · commit 5aaf40e01 with changes")
    assert "with changes" not in first_line(replace(ENVIRONMENT, git_dirty=False))


def test_a_narrow_terminal_shows_whole_names_and_no_latency() -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    run = run_of(replace(NAIVE, scenario="newsletter", variant="debug_queries"))
    for part in render_run(run, columns=80):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "newsletter[debug_queries]" in shown
    assert "p50" not in shown
    assert "p50" in page(run)
