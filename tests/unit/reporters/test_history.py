"""The history as a person reads it: rows, small bars, and the sentence that names the commits."""

import io
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from leakcheck.analysis.compare.step_detection import find_regressions
from leakcheck.model.history import HistoryEntry
from leakcheck.reporters.history import render_all, render_one, spark
from tests.unit.records import record
from tests.unit.runs import MIB, TOLERANCE


def page(parts: Iterable[RenderableType]) -> str:
    console = Console(file=io.StringIO(), width=120, highlight=False, _environ={})
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def page_of(*records: HistoryEntry, encoding: str = "utf-8") -> str:
    return page(render_one(records, find_regressions(records, TOLERANCE), TOLERANCE, encoding=encoding))


LEAKED = (record(0), record(1), record(2, growth=8 * MIB), record(3, growth=8 * MIB))


def test_the_run_that_stepped_is_marked_and_its_commits_are_named() -> None:
    text = page_of(*LEAKED)
    assert "> 2026-11-24T10-00-02" in text
    assert text.count("> ") == 1
    assert "growth rose in 2026-11-24T10-00-02: from 0 B to 8.00 MiB per 1000 calls." in text
    assert "git log 111111111111..222222222222" in text
    assert "growth  ▁▁██" in text


def test_all_scenarios_have_a_row_and_their_last_step() -> None:
    quiet = [record(number, scenario="quiet") for number in range(3)]
    text = page(render_all([(LEAKED, find_regressions(LEAKED, TOLERANCE)), (quiet, [])], encoding="utf-8"))
    assert "newsletter[naive]: growth rose in 2026-11-24T10-00-02" in text
    assert "quiet" in text
    assert "quiet:" not in text


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (
            record(1, growth=MIB, commit="0" * 40),
            "Both runs are of commit 000000000: packages or data must have changed.",
        ),
        (record(1, growth=MIB, commit="0" * 40, dirty=True), "what was not committed must have changed"),
        (record(1, growth=MIB, commit=""), "no commit was recorded"),
        (record(1, growth=MIB, commit="--output=/etc/passwd"), "Between the commits 0000"),
        (record(1, growth=MIB, dirty=True), "git log 000000000000..111111111111 and what was not committed"),
    ],
)
def test_the_commits_between_two_runs_are_named_as_far_as_they_are_known(after: HistoryEntry, words: str) -> None:
    assert words in page_of(record(0), after)


def test_an_invalid_commit_is_never_part_of_a_command() -> None:
    assert "git log" not in page_of(record(0), record(1, growth=MIB, commit="$(reboot)"))


def test_names_are_escaped() -> None:
    text = page_of(record(0, scenario="[red]x[/red]\x1b[31m\u202e", commit="\x1b[2J"))
    assert "[red]x[/red]\\x1b[31m\\u202e" in text
    assert "\x1b" not in text


def test_a_long_history_shows_its_newest_runs_and_says_so() -> None:
    text = page_of(*(record(number) for number in range(30)))
    assert "2026-11-24T10-00-29" in text
    assert "2026-11-24T10-00-09" not in text
    assert "The table shows the newest 20 of 30 runs." in text


def test_one_run_is_no_trend() -> None:
    assert "There is one run" in page_of(record(0))
    assert "No step" in page_of(record(0), record(1))


@example([5e-324, -1.0], "utf-8")
@given(
    st.lists(st.none() | st.floats(-1e9, 1e12), max_size=40), st.sampled_from(["utf-8", "latin-1", "cp437", "nonsense"])
)
def test_sparklines_fit_the_encoding_and_the_highest_value_is_the_tallest(
    values: list[float | None], encoding: str
) -> None:
    bars = spark(values, encoding)
    assert len(bars) == min(len(values), 24)
    assert [bar == "?" for bar in bars] == [value is None for value in values[-24:]]
    if encoding in ("latin-1", "nonsense"):
        assert bars.isascii()
    known = [value for value in values[-24:] if value is not None]
    if known and max(known) > 0:
        assert bars[values[-24:].index(max(known))] in "█@"
