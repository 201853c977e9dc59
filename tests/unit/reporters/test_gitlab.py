"""GitLab's code-quality report: what it must hold, and fingerprints that stay while lines and figures move."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.reporters.gitlab import gitlab
from leakcheck.reporters.locations import Workspace
from tests.unit.causes import SITE
from tests.unit.ci_runner import obeyed
from tests.unit.hostile import run_with, text_of_others
from tests.unit.reported import EXPLAINED, FORGIVEN, RUNS
from tests.unit.runs import BROKEN, CLEAN, LEAK, UNSURE, growth, run_of

WORKSPACE = Workspace(root="/work", base_folder="/work")


def written(run: Run, workspace: Workspace = WORKSPACE) -> str:
    [(_, data)] = gitlab(run, workspace)
    return data.decode()


def issues(run: Run, workspace: Workspace = WORKSPACE) -> list[dict[str, Any]]:
    reported: list[dict[str, Any]] = json.loads(written(run, workspace))
    for issue in reported:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1
        assert not issue["location"]["path"].startswith("/")
    return reported


def fingerprint(result: Result, workspace: Workspace = WORKSPACE) -> str:
    [issue] = issues(run_of(result), workspace)
    return str(issue["fingerprint"])


def test_each_gate_has_its_severity_and_check() -> None:
    reported = issues(run_of(CLEAN, UNSURE, EXPLAINED, BROKEN, FORGIVEN))
    assert [(issue["check_name"], issue["severity"]) for issue in reported] == [
        ("leakcheck/error", "blocker"),
        ("leakcheck/growth", "critical"),
        ("leakcheck/inconclusive", "minor"),
        ("leakcheck/known leak", "info"),
    ]
    assert reported[-1]["description"].endswith("is known and does not fail: ticket 12 (*SENT*).")


def test_an_issue_is_at_the_line_to_blame_or_else_at_the_scenario() -> None:
    run = run_of(EXPLAINED, UNSURE, replace(UNSURE, target="shop.cart:pay"))
    assert [issue["location"] for issue in issues(run)] == [
        {"path": "scenarios/newsletter/views.py", "lines": {"begin": 41}},
        {"path": "scenarios/warming.py", "lines": {"begin": 1}},
        {"path": "shop/cart.py", "lines": {"begin": 1}},
    ]


def test_a_run_within_budget_has_no_issues() -> None:
    assert json.loads(written(run_of(CLEAN))) == []


def test_a_fingerprint_stays_while_lines_and_figures_move() -> None:
    moved = replace(SITE, frames=tuple(replace(frame, line=frame.line + 9) for frame in SITE.frames))
    assert fingerprint(
        replace(
            EXPLAINED, growth=growth(999_999), explanation=replace(EXPLAINED.explanation, allocation_sites=(moved,))
        )
    ) == fingerprint(EXPLAINED)


def test_a_fingerprint_is_the_same_in_another_checkout() -> None:
    here = replace(LEAK, target="/builds/1/bench.py::f")
    there = replace(LEAK, target="/runner/bench.py::f")
    assert fingerprint(here, Workspace(root="/builds/1", base_folder="/builds/1")) == fingerprint(
        there, Workspace(root="/runner", base_folder="/runner")
    )


def test_the_fingerprint_depends_on_cause_scenario_and_exceeded_budgets() -> None:
    others = [
        EXPLAINED,
        replace(
            EXPLAINED,
            explanation=replace(
                EXPLAINED.explanation, retention_paths=(), allocation_sites=(replace(SITE, fingerprint="another"),)
            ),
        ),
        replace(EXPLAINED, variant="another"),
        replace(EXPLAINED, over_budget=("growth",)),
        replace(EXPLAINED, target="another.py::newsletter"),
    ]
    assert len({fingerprint(result) for result in others}) == len(others)


def test_equal_results_have_different_fingerprints() -> None:
    reported = issues(run_of(LEAK, LEAK, LEAK))
    assert len({issue["fingerprint"] for issue in reported}) == 3


def test_every_run_of_the_gold_files_is_well_formed() -> None:
    for run in RUNS.values():
        issues(run)


@given(text_of_others)
def test_foreign_text_is_read_back_as_it_is_shown(text: str) -> None:
    document = written(run_with(text))
    reported = issues(run_with(text))
    assert [issue["description"].partition(" ")[0] for issue in reported] == ["broken", "leak", "naive", "unsure"]
    assert reported[0]["description"].startswith(escape_control(f"broken {text}"))
    assert obeyed(document) == []
