"""`leakcheck compare` through the real command: runs, variants, and two revisions of a small repository."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live.command import Leakcheck, Ran

SHOP = """
    KEPT = []

    def order():
        return len(bytes(1000))
"""
SCENARIOS = """
    import shop
    from leakcheck import scenario

    @scenario
    def order():
        shop.order()
"""
VARIANTS = """
    from leakcheck import scenario

    KEPT = []

    @scenario(variants=("before", "after"))
    def order(variant):
        if variant == "before":
            KEPT.append(bytes(1000))
"""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(leakcheck: Leakcheck, message: str) -> None:
    git(leakcheck.folder, "add", "--all")
    git(leakcheck.folder, "commit", "--quiet", "--message", message)


@pytest.fixture
def repository(leakcheck: Leakcheck) -> Leakcheck:
    """Three commits: the first is clean, the second leaks, the third changes nothing that matters."""
    git(leakcheck.folder, "init", "--quiet")
    leakcheck.write(".gitignore", "reports/\n")
    leakcheck.write("shop.py", SHOP)
    commit(leakcheck, "clean")
    leakcheck.write("shop.py", SHOP.replace("return len(bytes(1000))", "KEPT.append(bytes(1000))"))
    leakcheck.write("scenarios.py", SCENARIOS)  # the older revision has none yet
    commit(leakcheck, "leaks")
    leakcheck.write("README", "hello")
    commit(leakcheck, "nothing")
    return leakcheck


def compare(leakcheck: Leakcheck, *arguments: str) -> Ran:
    return leakcheck.finish(leakcheck.start("compare", "--json", "table.json", *arguments))


def rows(leakcheck: Leakcheck) -> dict[str, Any]:
    document = json.loads((leakcheck.folder / "table.json").read_text())
    [scenario] = document["scenarios"]
    return {row["metric"]: row for row in scenario["rows"]}


def test_the_growth_that_a_commit_brought_is_found(repository: Leakcheck) -> None:
    ran = compare(repository, "HEAD~2..HEAD~1", "scenarios.py", "--rounds", "1", "--fail-on-worse")
    assert ran.code == 1, ran.errors
    row = rows(repository)["growth / 1000 calls"]
    assert row["verdict"] == "worse"
    assert row["change"]["value"] == pytest.approx(1_064_000, rel=0.05)
    # AND a tolerance that allows as much lets it pass, without measuring again
    options = ("--rounds", "1", "--fail-on-worse", "--change", "+5 % and +2 MiB")
    allowed = compare(repository, "HEAD~2..HEAD~1", "scenarios.py", *options)
    assert (allowed.code, "measuring" in allowed.errors) == (0, False)
    assert rows(repository)["growth / 1000 calls"]["verdict"] == "same"
    # AND nothing of it stays in the user's repository
    assert git(repository.folder, "worktree", "list").count("\n") == 0
    assert git(repository.folder, "status", "--porcelain", "--", ".", ":!table.json") == ""


@pytest.mark.slow
def test_nothing_is_said_of_a_commit_that_changed_nothing_five_times_out_of_five(repository: Leakcheck) -> None:
    for _ in range(5):
        ran = compare(repository, "HEAD~1..HEAD", "scenarios.py", "--rounds", "1", "--fresh", "--fail-on-worse")
        assert ran.code == 0, ran.errors
        assert {row["verdict"] for row in rows(repository).values()} == {"same", None}


def test_what_was_measured_before_is_not_measured_again(repository: Leakcheck) -> None:
    first = compare(repository, "HEAD~1..HEAD", "scenarios.py", "--rounds", "1")
    figures = rows(repository)
    second = compare(repository, "HEAD~1..HEAD", "scenarios.py", "--rounds", "1")
    assert "measuring" in first.errors
    assert "measuring" not in second.errors
    assert rows(repository) == figures


def test_a_revision_that_needs_other_packages_has_an_environment_of_its_own(repository: Leakcheck) -> None:
    # GIVEN a commit that changes what is required, if only in words
    repository.write("requirements.txt", "# nothing yet\n")
    commit(repository, "requires")
    ran = compare(repository, "HEAD~1..HEAD", "scenarios.py", "--rounds", "1")
    assert ran.code == 0, ran.errors
    # THEN the older one was measured in an environment that is kept for the next time
    kept = repository.folder / ".leakcheck" / "environments"
    assert [(one / ".complete").exists() for one in kept.iterdir()] == [True]
    assert rows(repository)["growth / 1000 calls"]["verdict"] == "same"


def test_two_variants_are_measured_in_turn(leakcheck: Leakcheck) -> None:
    leakcheck.write("variants.py", VARIANTS)
    ran = compare(leakcheck, "variants.py", "--variants", "before", "after", "--rounds", "2", "--markdown", "table.md")
    assert ran.code == 0, ran.errors
    assert [line for line in ran.errors.splitlines() if line.startswith("measuring")] == [
        "measuring before, round 1 of 2",
        "measuring after, round 1 of 2",
        "measuring after, round 2 of 2",
        "measuring before, round 2 of 2",
    ]
    assert rows(leakcheck)["growth / 1000 calls"]["verdict"] == "better"
    assert "| --- |" in (leakcheck.folder / "table.md").read_text()


def test_saved_runs_and_the_variants_of_one_are_compared_without_measuring(leakcheck: Leakcheck) -> None:
    leakcheck.write("variants.py", VARIANTS)
    leakcheck.run("variants.py")
    [run] = leakcheck.output.glob("*")
    ran = compare(leakcheck, str(run), "--variants", "before", "after")
    assert ran.code == 0, ran.errors
    assert rows(leakcheck)["growth / 1000 calls"]["verdict"] == "better"
    ran = compare(leakcheck, str(run), str(run / "run.json"), "--csv", "table.csv")
    assert ran.code == 0, ran.errors
    assert (leakcheck.folder / "table.csv").read_text().count("\n") == 1 + 2 * 6
    assert "different times" in ran.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "elsewhere"], "no such run"),
        (["main..HEAD", "scenarios.py"], "git"),
        (["scenarios.py", "--variants", "a", "b"], "no such file"),
    ],
)
def test_a_mistake_is_answered_with_its_remedy(leakcheck: Leakcheck, arguments: list[str], said: str) -> None:
    ran = compare(leakcheck, *arguments)
    assert ran.code == 2
    assert said in ran.errors


def test_a_revision_or_target_that_is_not_there_is_named(repository: Leakcheck) -> None:
    ran = compare(repository, "nobody..HEAD", "scenarios.py")
    assert (ran.code, "no revision 'nobody'" in ran.errors) == (2, True)
    ran = compare(repository, "HEAD..HEAD~0", "scenarios.py")
    assert (ran.code, "both are the commit" in ran.errors) == (2, True)
    ran = compare(repository, "HEAD~1..HEAD", "nothing.py")
    assert (ran.code, "nothing.py" in ran.errors) == (2, True)
    ran = compare(repository, "HEAD~1..HEAD")
    assert (ran.code, "say what to measure" in ran.errors) == (2, True)
