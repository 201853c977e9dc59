"""The baseline through the real command: accepted, held to, and never green without one."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate
from tests.live.command import Leakcheck, Ran

CALLS = "--calls=2000"
"""Enough for a verdict on calls that cost next to nothing."""


def write_shop(leakcheck: Leakcheck, *, kept_bytes: int = 100_000, peak: int = 1_000_000, more: str = "") -> None:
    """Write a leak of known size and a scenario of known peak, which is clean."""
    leakcheck.write(
        "shop.py",
        f"""
        from leakcheck import scenario

        KEPT = []

        @scenario
        def leak():
            KEPT.append(bytearray({kept_bytes}))

        @scenario
        def page():
            bytearray({peak})
        """,
    )
    with (leakcheck.folder / "shop.py").open("a") as file:
        file.write(more)


NEWCOMERS = """
OTHERS = []

@scenario
def small():
    pass

@scenario
def growing():
    OTHERS.append(bytearray(5000))
"""


def accepted(leakcheck: Leakcheck) -> dict[str, Any]:
    """Return the entries of the one environment in the file."""
    (entries,) = json.loads((leakcheck.folder / "leakcheck-baseline.json").read_text())["environments"].values()
    assert isinstance(entries, dict)
    return entries


def update(leakcheck: Leakcheck, *arguments: str) -> Ran:
    ran = leakcheck.baseline("update", "shop.py", CALLS, *arguments)
    assert ran.code == ExitCode.WITHIN, ran.errors + ran.output
    return ran


# --- missing, foreign, broken ---------------------------------------------------------------------


def test_without_a_baseline_nothing_is_measured_and_nothing_is_green(leakcheck: Leakcheck) -> None:
    # GIVEN a clean scenario, and no baseline
    write_shop(leakcheck)
    # WHEN it is checked THEN that ends with 4 and names the remedy, before anything is measured
    ran = leakcheck.check("shop.py", "-k", "page")
    assert ran.code == ExitCode.NO_BASELINE
    assert "leakcheck-baseline.json: there is no baseline yet" in ran.errors
    assert "leakcheck baseline update shop.py" in ran.errors
    assert ran.documents == ()
    # AND to show or to compare there is nothing either
    for verb in ("show", "diff"):
        assert leakcheck.baseline(verb).code == ExitCode.NO_BASELINE


def test_a_baseline_of_another_environment_is_as_good_as_none(leakcheck: Leakcheck) -> None:
    # GIVEN figures that were accepted under another allocator
    write_shop(leakcheck)
    update(leakcheck, "-k", "page")
    (key,) = json.loads((leakcheck.folder / "leakcheck-baseline.json").read_text())["environments"]
    assert key.endswith("-pymalloc")
    # WHEN the same is checked under malloc
    ran = leakcheck.check("shop.py", "-k", "page", environment={"PYTHONMALLOC": "malloc"})
    # THEN nothing is measured, and both environments are named
    assert (ran.code, len(ran.documents)) == (ExitCode.NO_BASELINE, 1)
    assert f"holds nothing for {key.replace('pymalloc', 'malloc')}" in ran.errors
    assert f"it holds {key}" in ran.errors
    # WHEN it is accepted there too THEN each environment has its own figures
    ran = leakcheck.baseline("update", "shop.py", "-k", "page", environment={"PYTHONMALLOC": "malloc"})
    assert ran.code == ExitCode.WITHIN
    environments = json.loads((leakcheck.folder / "leakcheck-baseline.json").read_text())["environments"]
    assert list(environments) == [key.replace("pymalloc", "malloc"), key]


@pytest.mark.parametrize("command", ["check", "update", "diff", "show"])
def test_a_broken_baseline_is_named_by_every_verb_and_left_as_it_is(leakcheck: Leakcheck, command: str) -> None:
    # GIVEN a file that was cut off
    write_shop(leakcheck)
    file = leakcheck.write("leakcheck-baseline.json", '{"schema": "leakcheck.baseline/1", "environments": {"cpy')
    before = file.read_bytes()
    # WHEN any verb needs it
    if command == "check":
        ran = leakcheck.check("shop.py")
    else:
        ran = leakcheck.baseline(command, *(["shop.py"] if command == "update" else []))
    # THEN it is refused before anything is measured, and nothing is written
    assert ran.code == ExitCode.USAGE
    assert ran.errors.startswith("leakcheck: leakcheck-baseline.json: is not a baseline (")
    assert ran.documents == ()
    assert file.read_bytes() == before


# --- accepted, and held to ------------------------------------------------------------------------


def test_a_leak_that_was_accepted_is_green_until_it_is_worse(leakcheck: Leakcheck) -> None:
    # GIVEN a project that leaks already
    write_shop(leakcheck)
    assert leakcheck.run("shop.py", CALLS).code == ExitCode.OVER_BUDGET
    # WHEN that is accepted
    ran = update(leakcheck, "--reason", "ticket 12")
    # THEN the file holds the figures, and it is said what they are over
    entries = accepted(leakcheck)
    assert list(entries) == ["leak", "page"]
    assert entries["leak"]["verdict"] == "leak"
    assert entries["leak"]["growth_bytes_per_1000_calls"] == pytest.approx(100_100_000, rel=0.01)
    assert entries["leak"]["target"] == "shop.py::leak"
    assert entries["page"] == {
        "verdict": "clean",
        "target": "shop.py::page",
        "growth_bytes_per_1000_calls": 0,
        "peak_bytes": pytest.approx(1_000_000, rel=0.01),
        "reason": "ticket 12",
    }
    assert "leak: over its budget (growth), and accepted with that." in ran.output
    # AND a check is green, with a sentence that says so
    ran = leakcheck.check("shop.py", CALLS)
    assert ran.code == ExitCode.WITHIN, ran.output
    assert "leak: its growth is over the budget of 4.00 KiB, as accepted in the baseline (ticket 12)." in ran.output
    assert "2 passed" in ran.output
    assert ran.document.baseline == "leakcheck-baseline.json"
    # WHEN it grows by less than what may change THEN it is still green
    write_shop(leakcheck, kept_bytes=103_000)
    ran = leakcheck.check("shop.py", CALLS)
    assert ran.code == ExitCode.WITHIN
    assert "+3.0 % over the accepted" in ran.output
    # AND less may be allowed
    ran = leakcheck.check("shop.py", CALLS, "--change", "+1 % and +1 KiB")
    assert ran.code == ExitCode.OVER_BUDGET
    # WHEN it grows by more THEN it is red, and explained
    write_shop(leakcheck, kept_bytes=110_000)
    ran = leakcheck.check("shop.py", CALLS, "--explain=auto")
    assert [container.name for container in ran["leak"].explanation.containers] == ["shop.KEPT"]
    assert ran.code == ExitCode.OVER_BUDGET
    assert ran["leak"].over_budget == ("growth",)
    assert "worse by more than +5 % and +16 KiB." in ran.output


@pytest.mark.slow
def test_a_peak_that_is_worse_is_red_and_a_better_one_prints_how_to_tighten(leakcheck: Leakcheck) -> None:
    write_shop(leakcheck)
    update(leakcheck, "-k", "page")
    # WHEN one call costs a tenth more
    write_shop(leakcheck, peak=1_100_000)
    ran = leakcheck.check("shop.py", "-k", "page")
    # THEN that is red, though no budget names the peak
    assert (ran.code, ran.result.over_budget) == (ExitCode.OVER_BUDGET, ("peak",))
    assert "page: one call peaks at 1.05 MiB, +10.0 % over the accepted" in ran.output
    assert "at the peak  shop.py:11" in ran.output
    # WHEN one call costs half
    write_shop(leakcheck, peak=500_000)
    ran = leakcheck.check("shop.py", "-k", "page")
    # THEN it is green, and the command is named that tightens
    assert ran.code == ExitCode.WITHIN
    assert "Better than leakcheck-baseline.json says: page. Tighten it with: leakcheck baseline update" in ran.output
    # AND that command does it
    command = ran.output.partition("Tighten it with: leakcheck baseline update ")[2].splitlines()[0]
    assert command == "shop.py::page"
    ran = leakcheck.baseline("update", command)
    assert ran.code == ExitCode.WITHIN
    assert "977 KiB → 489 KiB" in ran.output
    assert accepted(leakcheck)["page"]["peak_bytes"] == pytest.approx(500_000, rel=0.01)


@pytest.mark.slow
def test_what_is_new_is_held_to_its_budget_and_what_is_gone_is_named(leakcheck: Leakcheck) -> None:
    # GIVEN a baseline of two, one of which is gone, and two newcomers
    write_shop(leakcheck)
    update(leakcheck)
    file = leakcheck.folder / "leakcheck-baseline.json"
    source = (leakcheck.folder / "shop.py").read_text().replace("def leak", "def renamed")
    (leakcheck.folder / "shop.py").write_text(source + NEWCOMERS)
    # WHEN a clean newcomer is checked THEN it is green, and shown as new
    ran = leakcheck.check("shop.py", "-k", "small", CALLS)
    assert ran.code == ExitCode.WITHIN
    assert ran.result.is_new
    assert "pass (NEW)" in ran.output
    assert "NEW, not in leakcheck-baseline.json" in ran.output
    assert ran.document.missing_scenarios == ()
    # WHEN all are checked THEN the newcomer that leaks is over its budget, and what is gone is named
    ran = leakcheck.check("shop.py", CALLS)
    assert ran.code == ExitCode.OVER_BUDGET
    assert ran["growing"].over_budget == ("growth",)
    assert ran.document.missing_scenarios == ("leak",)
    assert "No longer there, though leakcheck-baseline.json has them: leak." in ran.output
    # WHEN one of them is accepted THEN all others stay, also what is gone
    assert leakcheck.baseline("update", "shop.py", "-k", "small", CALLS).code == ExitCode.WITHIN
    assert list(accepted(leakcheck)) == ["leak", "page", "small"]
    # WHEN all are THEN what is gone is removed
    before = file.read_bytes()
    ran = leakcheck.baseline("update", "shop.py", CALLS)
    assert ran.code == ExitCode.WITHIN
    assert list(accepted(leakcheck)) == ["growing", "page", "renamed", "small"]
    assert file.read_bytes() != before
    assert "removed" in ran.output


NOT_TO_BE_ACCEPTED = """
CALLS = iter(range(10**9))

@scenario
def climbs():
    call = next(CALLS)
    if call < 60 or 100 <= call < 140:
        KEPT.append(bytes(10_000))

@scenario
def breaks():
    raise ValueError("no row")
"""


def test_what_fails_or_is_not_sure_is_not_accepted_and_the_rest_is(leakcheck: Leakcheck) -> None:
    # GIVEN a memory that climbs, rests and climbs, and a scenario that raises
    write_shop(leakcheck, more=NOT_TO_BE_ACCEPTED)
    # WHEN what cannot be said in 150 calls is to be accepted THEN it is left out and named
    ran = leakcheck.baseline("update", "shop.py", "-k", "climbs", "--calls=150")
    assert ran.code == ExitCode.INCONCLUSIVE
    assert "climbs: not accepted, because it is inconclusive." in ran.output
    assert "leakcheck-baseline.json: unchanged." in ran.output
    assert not (leakcheck.folder / "leakcheck-baseline.json").exists()
    # WHEN one fails beside one that is sure THEN that one is accepted, and the failure counts
    ran = leakcheck.baseline("update", "shop.py", "-k", "breaks or page")
    assert ran.code == ExitCode.SCENARIO_FAILED
    assert "breaks: not accepted, because it failed." in ran.output
    assert list(accepted(leakcheck)) == ["page"]


def test_an_update_without_news_leaves_the_file_byte_for_byte(leakcheck: Leakcheck) -> None:
    write_shop(leakcheck)
    update(leakcheck)
    file = leakcheck.folder / "leakcheck-baseline.json"
    first, written = file.read_bytes(), file.stat().st_mtime_ns
    ran = update(leakcheck)
    assert "2 as accepted before." in ran.output
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (first, written)


def test_a_relative_a_dotted_and_an_absolute_target_are_the_same_scenario(leakcheck: Leakcheck) -> None:
    write_shop(leakcheck)
    update(leakcheck, "-k", "page")
    first = (leakcheck.folder / "leakcheck-baseline.json").read_bytes()
    for target in (".", "./shop.py::page", str(leakcheck.folder / "shop.py")):
        assert leakcheck.baseline("update", target, "-k", "page").code == ExitCode.WITHIN
        assert (leakcheck.folder / "leakcheck-baseline.json").read_bytes() == first


def test_two_scenarios_of_one_name_are_refused_before_they_are_compared(leakcheck: Leakcheck) -> None:
    write_shop(leakcheck)
    update(leakcheck, "-k", "page")
    leakcheck.write("cart.py", "from leakcheck import scenario\n\n@scenario\ndef page(): ...\n")
    ran = leakcheck.check(".", "-k", "page")
    assert ran.code == ExitCode.USAGE
    assert "both are called page" in ran.errors
    assert leakcheck.baseline("update", ".", "-k", "page").code == ExitCode.USAGE


def test_an_interrupted_update_accepts_nothing(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "slow.py", "import time\nfrom leakcheck import scenario\n\n@scenario\ndef slow():\n    time.sleep(0.2)\n"
    )
    process = leakcheck.start("baseline", "update", "slow.py", f"--output={leakcheck.output}")
    while not list(leakcheck.output.glob("*/run.json")):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    assert leakcheck.finish(process).code == ExitCode.INTERRUPTED
    assert not (leakcheck.folder / "leakcheck-baseline.json").exists()


# --- a saved run ----------------------------------------------------------------------------------


def test_a_saved_run_can_be_accepted_compared_and_shown(leakcheck: Leakcheck) -> None:
    # GIVEN a saved run of a plain `leakcheck run`
    write_shop(leakcheck)
    leakcheck.run("shop.py", "--peak-pass", CALLS)
    (folder,) = leakcheck.output.iterdir()
    # WHEN one of its results is accepted, and then all
    ran = leakcheck.baseline("update", "--from", str(folder), "-k", "page")
    assert ran.code == ExitCode.WITHIN
    assert list(accepted(leakcheck)) == ["page"]
    ran = leakcheck.baseline("diff")
    assert ran.code == ExitCode.OVER_BUDGET, "leak is new, and over its budget"
    assert "NEW" in ran.output
    assert leakcheck.baseline("update", "--from", str(folder)).code == ExitCode.WITHIN
    # THEN the run is green beside it, without being measured again
    ran = leakcheck.baseline("diff")
    assert ran.code == ExitCode.WITHIN, ran.output
    assert len(ran.documents) == 1
    # AND red where less may change than did
    file = leakcheck.folder / "leakcheck-baseline.json"
    figure = str(accepted(leakcheck)["page"]["peak_bytes"])
    file.write_text(file.read_text().replace(figure, "900000"))
    ran = leakcheck.baseline("diff", str(folder))
    assert ran.code == ExitCode.OVER_BUDGET
    assert "page: one call peaks at" in ran.output
    assert leakcheck.baseline("diff", "--change", "+50 % and +1 B").code == ExitCode.WITHIN
    # AND the file can be shown
    ran = leakcheck.baseline("show")
    assert ran.code == ExitCode.WITHIN
    assert "pymalloc" in ran.output
    assert "879 KiB" in ran.output


def test_an_update_needs_something_to_accept(leakcheck: Leakcheck) -> None:
    write_shop(leakcheck)
    ran = leakcheck.baseline("update")
    assert (ran.code, "or a saved run with --from RUN" in ran.errors) == (ExitCode.USAGE, True)
    assert leakcheck.baseline("update", "--from", "nowhere").code == ExitCode.USAGE
    assert leakcheck.baseline("update", "shop.py", "-k", "nobody").code == ExitCode.NOTHING_MEASURED
    assert not (leakcheck.folder / "leakcheck-baseline.json").exists()


def test_a_baseline_is_where_the_project_or_the_environment_says(leakcheck: Leakcheck) -> None:
    write_shop(leakcheck)
    leakcheck.write("pyproject.toml", '[tool.leakcheck]\nbaseline = "ci/accepted.json"\n')
    (leakcheck.folder / "ci").mkdir()
    update(leakcheck, "-k", "page")
    assert "../shop.py::page" in (leakcheck.folder / "ci" / "accepted.json").read_text()
    assert leakcheck.check("shop.py", "-k", "page").code == ExitCode.WITHIN
    ran = leakcheck.check("shop.py", "-k", "page", environment={"LEAKCHECK_BASELINE": "other.json"})
    assert (ran.code, "other.json: there is no baseline yet" in ran.errors) == (ExitCode.NO_BASELINE, True)


# --- the tree -------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
def test_an_update_refuses_what_no_commit_holds_unless_told(leakcheck: Leakcheck) -> None:
    # GIVEN a repository without a word about what is to be ignored, and a clean tree
    write_shop(leakcheck)
    git(leakcheck.folder, "init", "-q")
    git(leakcheck.folder, "add", "shop.py")
    git(leakcheck.folder, "commit", "-qm", "A shop")
    # WHEN it is accepted, twice THEN neither our folders, nor Python's, nor the baseline itself are in the way
    for _ in range(2):
        update(leakcheck, "-k", "page")
    ran = leakcheck.run("shop.py", "-k", "page", "--peak-pass")
    assert ran.document.environment is not None
    assert ran.document.environment.git_dirty is False
    # WHEN a file is changed, or added
    write_shop(leakcheck, peak=2_000_000)
    (leakcheck.folder / "new.py").touch()
    before = (leakcheck.folder / "leakcheck-baseline.json").read_bytes()
    ran = leakcheck.baseline("update", "shop.py", "-k", "page")
    # THEN nothing is measured, both are named, and so is the way round
    assert ran.code == ExitCode.USAGE
    assert "no commit holds shop.py, new.py; commit first, or accept what is here with --allow-dirty" in ran.errors
    assert (leakcheck.folder / "leakcheck-baseline.json").read_bytes() == before
    # AND a run that was measured so is refused too
    leakcheck.run("shop.py", "-k", "page", "--peak-pass")
    newest = max(leakcheck.output.iterdir())
    assert leakcheck.baseline("update", "--from", str(newest)).code == ExitCode.USAGE
    # WHEN told THEN it is accepted
    assert leakcheck.baseline("update", "shop.py", "-k", "page", "--allow-dirty").code == ExitCode.WITHIN
    assert accepted(leakcheck)["page"]["peak_bytes"] > 2_000_000


def test_what_only_pages_show_is_not_kept_and_held_to_its_budget(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "shop.py",
        """
        import mmap
        from leakcheck import scenario

        KEPT = [None] * 100_000

        @scenario
        def maps(count=iter(range(100_000))):
            page = mmap.mmap(-1, 4096)
            page[0] = 1
            KEPT[next(count)] = page
        """,
    )
    ran = leakcheck.baseline("update", "shop.py", "--no-peak", "--calls=4000")
    assert ran.code == ExitCode.WITHIN, ran.output
    entry = accepted(leakcheck)["maps"]
    if "growth_bytes_per_1000_calls" in entry:
        pytest.skip("the heap shows it here too")
    assert "resident pages" in entry["note"]
    assert "maps: growth is not kept: only resident pages show it, so it is held to its budget." in ran.output
    ran = leakcheck.check("shop.py", "--no-peak", "--calls=4000")
    assert (ran.code, ran.result.gate) == (ExitCode.OVER_BUDGET, Gate.OVER)
