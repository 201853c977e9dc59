"""The statuses of requests are in every report, and a redirect is reported with its target."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from leakcheck.model.answers import StatusCount
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.export.run_csv import run_csv
from leakcheck.reporters.github import annotations
from leakcheck.reporters.gitlab import gitlab
from leakcheck.reporters.html.page import render_report
from leakcheck.reporters.junit import junit
from leakcheck.reporters.locations import Workspace
from leakcheck.reporters.markdown import markdown
from leakcheck.reporters.messages.answers import status_counts, statuses
from leakcheck.reporters.messages.result import ResultFact
from leakcheck.reporters.terminal import render_run
from leakcheck.runner.answer_decoding import decode_status_counts
from leakcheck.storage import run_file
from tests.unit.runs import CLEAN, run_of
from tests.unit.statements import said

PAGE = StatusCount(status=200, count=1600)
MOVED = StatusCount(status=302, count=300, leads_to="/b/")


def answered_with(*answered: StatusCount, **fields: object) -> Result:
    result = replace(
        CLEAN, scenario="GET /a/", variant=None, target="django:shop.settings GET:/a/", response_statuses=answered
    )
    return replace(result, growth_options={}, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answered", "notes"),
    [
        ((PAGE,), []),
        (
            (MOVED,),
            [
                "answered 302 Found to 300 calls, redirecting to /b/: the redirect was measured, not the page behind "
                "it. Pass --follow to measure that too."
            ],
        ),
        (
            (replace(MOVED, varies=True, count=1000),),
            [
                "answered 302 Found to 1,000 calls, redirecting to /b/, and later to other addresses: the redirect "
                "was measured, not the page behind it. Pass --follow to measure that too."
            ],
        ),
        (
            (StatusCount(status=304, count=1),),
            ["answered 304 Not Modified to 1 call, without saying where that leads."],
        ),
        (
            (replace(PAGE, leads_to="/c?x=1"),),
            ["redirects were followed to /c?x=1, which answered 200 OK."],
        ),
        (
            (PAGE, StatusCount(status=204, count=2)),
            ["its responses differed: 200 ×1,600, 204 ×2."],
        ),
    ],
)
def test_a_note_says_that_no_page_was_measured(answered: tuple[StatusCount, ...], notes: list[str]) -> None:
    assert said(answered_with(*answered), ResultFact.RESPONSE) == notes


def test_an_expected_redirect_needs_no_remedy() -> None:
    result = replace(answered_with(MOVED), growth_options={"expect": 302})

    assert said(result, ResultFact.RESPONSE) == ["answered 302 Found to 300 calls, redirecting to /b/."]


def test_the_status_that_a_failure_reports_is_named_once() -> None:
    failure = Failure(kind=FailureKind.RAISED, message="it answered 302 Found", call=301)
    result = answered_with(PAGE, replace(MOVED, count=1), failure=failure, gate=Gate.ERROR)

    assert said(result, ResultFact.RESPONSE) == ["its responses differed: 200 ×1,600, 302 ×1."]


def test_a_report_without_a_column_has_the_status_in_a_sentence() -> None:
    assert said(answered_with(PAGE), ResultFact.STATUS) == ["answered 200 OK to 1,600 calls."]
    assert said(answered_with(), ResultFact.STATUS, ResultFact.RESPONSE) == []
    assert said(answered_with(MOVED), ResultFact.STATUS) == []
    assert (statuses(answered_with(PAGE, MOVED)), statuses(answered_with())) == ("200, 302", "-")
    assert (status_counts(answered_with(PAGE, MOVED)), status_counts(answered_with())) == ("200 ×1,600, 302 ×300", "")


def test_a_foreign_address_is_cut_and_escaped() -> None:
    [note] = said(answered_with(replace(MOVED, leads_to="/\x1b[31m" + 500 * "b")), ResultFact.RESPONSE)

    assert "\x1b" not in note
    assert "\\x1b[31m" in note
    assert len(note) < 400


def test_the_statuses_are_in_every_report() -> None:
    run = run_of(answered_with(MOVED, replace(PAGE, count=2), gate=Gate.OVER, over_budget=("growth",)), CLEAN)
    counts = "302 ×300, 200 ×2"
    pages = {
        "terminal": shown(run),
        "markdown": _text(markdown(run)),
        "junit": _text(junit(run, hostname="here")),
        "csv": _text(run_csv(run)),
        "html": _text(render_report(run)),
        "gitlab": _text(gitlab(run, Workspace(root="/", base_folder="/"))),
        "github": "\n".join(annotations(run, Workspace(root="/", base_folder="/"))),
    }

    assert [name for name, page in pages.items() if counts not in page] == []
    assert "302, 200" in pages["terminal"]
    assert "| 302, 200 |" in pages["markdown"]
    assert '<td data-label="status">302, 200</td>' in pages["html"]


def test_a_run_without_requests_has_no_column_of_statuses() -> None:
    run = run_of(CLEAN)

    assert "status" not in shown(run)
    assert "status" not in _text(markdown(run))
    assert 'data-label="status"' not in _text(render_report(run))


def test_the_document_has_the_statuses_and_an_old_one_loads_without(tmp_path: Path) -> None:
    document = json.loads(run_file.encode(run_of(answered_with(MOVED))))
    assert document["results"][0]["response_statuses"] == [
        {"status": 302, "count": 300, "leads_to": "/b/", "varies": False}
    ]

    del document["results"][0]["response_statuses"]
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert run_file.load(tmp_path / "run.json").results[0].response_statuses == ()


@pytest.mark.parametrize("value", [None, "rubbish", [{"status": "many"}], [{"count": 1}], 7])
def test_invalid_counts_are_dropped(value: object) -> None:
    assert decode_status_counts(value) == ()


def test_the_password_of_an_address_is_not_kept() -> None:
    answer = {"status": 302, "count": 1, "leads_to": "https://ada:secret@example.com/", "varies": False}
    [status] = decode_status_counts([answer])

    assert status.leads_to == "https://ada:***@example.com/"


def shown(run: Run) -> str:
    """Return what a terminal shows."""
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        for part in render_run(run):
            console.print(part)
    return captured.get()


def _text(documents: object) -> str:
    return "".join(content.decode() for _, content in documents)  # type: ignore[attr-defined]
