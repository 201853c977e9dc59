"""GitHub annotations: at the line to blame, worst first, within the runner's limits, one command a line."""

from dataclasses import replace

import pytest
from hypothesis import given

from leakcheck.model.explanation import KnownEntry
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.reporters.github import MOST_OF_A_KIND, annotations, escape_message, escape_property
from leakcheck.reporters.locations import Workspace
from tests.unit.ci_runner import Command, obeyed
from tests.unit.hostile import run_with, text_of_others
from tests.unit.reported import EXPLAINED, FORGIVEN, PEAKS, RUNS
from tests.unit.runs import BROKEN, CLEAN, LEAK, UNSURE, run_of

WORKSPACE = Workspace(root="/work", base_folder="/work")


def commands(run: Run) -> list[Command]:
    lines = list(annotations(run, WORKSPACE))
    annotated = obeyed("\n".join(lines))
    assert len(annotated) == len(lines)
    return annotated


def test_a_leak_is_an_error_at_the_line_that_allocates_it() -> None:
    [command] = commands(run_of(EXPLAINED))
    assert command.name == "error"
    assert command.properties == {
        "file": "scenarios/newsletter/views.py",
        "line": "41",
        "title": "leakcheck: newsletter[retained]: FAIL growth, peak",
    }
    first, *rows = command.data.splitlines()
    assert first.startswith("newsletter[retained]: memory grows by 144 MiB per 1000 calls, over the budget of 64.0 KiB")
    assert any("retained by   scenarios.newsletter.views.SENT" in row and "99%" in row for row in rows)


def test_each_gate_has_its_kind_and_the_worst_is_first() -> None:
    run = replace(run_of(CLEAN, UNSURE, PEAKS, EXPLAINED, BROKEN, FORGIVEN))
    assert [(command.name, command.properties["title"].split(": ")[1]) for command in commands(run)] == [
        ("error", "parser"),
        ("error", "newsletter[retained]"),
        ("error", "newsletter[naive]"),
        ("warning", "warming"),
    ]


def test_a_run_within_budget_has_no_annotations() -> None:
    assert commands(run_of(CLEAN, FORGIVEN)) == []


def test_a_figure_to_tighten_is_a_notice() -> None:
    gone = KnownEntry(match="*OUTBOX*", scenario="newsletter[outbox]", reason="ticket 7")
    run = replace(RUNS["compared"], known_leaks_not_found=(gone,))
    notices = [command for command in commands(run) if command.name == "notice"]
    known, *others = [command.data for command in notices]
    assert (
        known == "The known leak *OUTBOX* no longer occurs in newsletter[outbox]: its entry can be removed (ticket 7)."
    )
    [better] = [data for data in others if data.startswith("Better")]
    assert better.startswith("Better than leakcheck-baseline.json says: newsletter[iterator]. Tighten it with: ")


def numbered(result: Result, count: int) -> list[Result]:
    return [replace(result, scenario=f"s{number}", variant=None) for number in range(count)]


@pytest.mark.parametrize(("result", "kind"), [(LEAK, "error"), (BROKEN, "error"), (UNSURE, "warning")])
def test_there_are_no_more_of_a_kind_than_github_shows_and_the_last_sums_up_the_rest(result: Result, kind: str) -> None:
    assert len(commands(run_of(*numbered(result, MOST_OF_A_KIND)))) == MOST_OF_A_KIND
    annotated = commands(run_of(*numbered(result, MOST_OF_A_KIND + 1)))
    assert [command.name for command in annotated] == [kind] * MOST_OF_A_KIND
    assert annotated[-1].properties["title"].startswith("leakcheck: 2 more scenarios ")
    assert [line.split(":")[0] for line in annotated[-1].data.splitlines()] == ["s9", "s10"]
    assert "file" not in annotated[-1].properties


def test_errors_and_warnings_have_limits_of_their_own() -> None:
    annotated = commands(run_of(*numbered(LEAK, 30), *numbered(UNSURE, 30)))
    assert [command.name for command in annotated] == ["error"] * 10 + ["warning"] * 10


def test_a_message_is_cut_before_the_runner_cuts_it() -> None:
    assert BROKEN.failure is not None
    long = replace(BROKEN, scenario="x" * 500, failure=replace(BROKEN.failure, message="y" * 10_000))
    [command] = commands(run_of(long))
    assert len(command.data) == 4000
    assert len(command.properties["title"]) == 200
    assert command.data.endswith("…")


def test_a_file_outside_of_the_workspace_is_not_in_the_command() -> None:
    elsewhere = replace(LEAK, target="/srv/other/bench.py::f")
    [command] = commands(run_of(elsewhere))
    assert set(command.properties) == {"title"}


@given(text_of_others)
def test_foreign_text_stays_within_its_one_command(text: str) -> None:
    run = run_with(text)
    annotated = commands(run)
    assert [command.name for command in annotated] == [
        "error",
        "error",
        "error",
        "warning",
        "notice",
        "notice",
        "notice",
    ]
    assert {frozenset(command.properties) for command in annotated} <= {
        frozenset({"title"}),
        frozenset({"file", "title"}),
        frozenset({"file", "line", "title"}),
    }
    for command, name in zip(annotated, ("broken", "leak", "naive", "unsure"), strict=False):
        assert command.properties["title"].startswith(escape_control(f"leakcheck: {name} {text}")[:199])
        assert command.data.startswith(escape_control(f"{name} {text}")[:3999])


@given(text_of_others)
def test_a_message_and_a_property_are_read_back_as_they_were(text: str) -> None:
    [command] = obeyed(f"::error title=t{escape_property(text)},line=3::{escape_message(text)}")
    assert command == Command(name="error", properties={"title": f"t{text}", "line": "3"}, data=text)
