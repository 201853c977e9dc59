"""What CI reads of a run, through the real command: files, logs and summaries, and all that can go wrong with them."""

import json
import os
import signal
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from leakcheck.model.errors import ExitCode
from tests.live.command import Leakcheck, Ran
from tests.unit.ci_runner import obeyed
from tests.unit.rendered import rendered

MIXED = """
from leakcheck import scenario

KEPT = []

@scenario
def clean():
    pass

@scenario
def leak():
    KEPT.append(bytes(967))

@scenario
def broken():
    raise ValueError("no rows ##[group]x\\n::error::from a message")
"""
QUIET = "from leakcheck import scenario\n\n@scenario\ndef quiet():\n    pass\n"
ON_THE_EDGE = """
import ctypes
from leakcheck import scenario

LIBC = ctypes.CDLL(None)

@scenario(growth="112 B / call")
def unsure():
    LIBC.malloc(100)
"""


def show(leakcheck: Leakcheck, *arguments: str, **environment: str) -> Ran:
    """Run `leakcheck show` on the one run that there is."""
    (folder,) = leakcheck.output.iterdir()
    return leakcheck.finish(leakcheck.start("show", str(folder), *arguments, environment=environment))


@pytest.fixture
def on_github(leakcheck: Leakcheck) -> dict[str, str]:
    """The environment of a step, in a workspace in which the project is a folder."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(leakcheck.folder.parent),
        "GITHUB_STEP_SUMMARY": str(leakcheck.folder / "summary.md"),
    }


def test_a_run_on_github_is_annotated_and_summed_up_and_every_file_is_written(
    leakcheck: Leakcheck, on_github: dict[str, str]
) -> None:
    # GIVEN a leak, a scenario that fails and one that is clean
    leakcheck.write("mixed.py", MIXED)
    # WHEN they are run on GitHub, with every file wanted
    wanted = ("--junit", "junit.xml", "--gitlab", "quality.json", "--markdown", "comment.md")
    ran = leakcheck.run("mixed.py", "--explain=auto", *wanted, environment=on_github)
    assert ran.code == ExitCode.SCENARIO_FAILED
    # THEN the log is annotated at the line that raises and at the line that allocates, from the workspace's root
    project = leakcheck.folder.name
    commands = obeyed(ran.output + ran.errors)
    assert [(one.name, one.properties["file"], one.properties["line"]) for one in commands] == [
        ("error", f"{project}/mixed.py", "15"),
        ("error", f"{project}/mixed.py", "11"),
    ]
    assert commands[1].properties["title"] == "leakcheck: leak: FAIL growth"
    assert "retained by   mixed.KEPT" in commands[1].data
    # AND JUnit tells of the same
    root = ElementTree.parse(leakcheck.folder / "junit.xml").getroot()
    outcomes = {case.get("name"): [part.tag for part in case] for case in root.iter("testcase")}
    assert outcomes == {"clean": [], "leak": ["failure"], "broken": ["error"]}
    # AND GitLab
    issues = json.loads((leakcheck.folder / "quality.json").read_text())
    assert [(one["severity"], one["location"]["lines"]["begin"]) for one in issues] == [
        ("blocker", 15),
        ("critical", 11),
    ]
    # AND the summary, which is the comment too
    comment = (leakcheck.folder / "comment.md").read_text()
    assert (leakcheck.folder / "summary.md").read_text() == comment
    assert [row[0] for row in rendered(comment).rows] == ["scenario", "broken", "leak", "clean"]
    # AND the table is there for whoever reads the log
    assert "1 failed, 1 error, 1 passed" in ran.output


def test_a_saved_run_is_told_again_in_every_form(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", QUIET)
    leakcheck.run("quiet.py")
    wanted = ("--junit", "j.xml", "--gitlab", "g.json", "--markdown", "m.md", "--github", "always")
    ran = show(leakcheck, *wanted)
    assert ran.code == ExitCode.WITHIN
    assert ElementTree.parse(leakcheck.folder / "j.xml").getroot().get("failures") == "0"
    assert json.loads((leakcheck.folder / "g.json").read_text()) == []
    assert (leakcheck.folder / "m.md").read_text().startswith("## leakcheck: 1 passed\n")


# --- standard output ------------------------------------------------------------------------------


def test_a_document_can_have_standard_output_and_the_table_gives_way(
    leakcheck: Leakcheck, on_github: dict[str, str]
) -> None:
    leakcheck.write("mixed.py", MIXED)
    leakcheck.run("mixed.py")
    for flag, begins in (
        ("--junit", "<?xml"),
        ("--gitlab", "["),
        ("--markdown", "## leakcheck"),
        ("--json", '{"schema'),
    ):
        ran = show(leakcheck, flag, "-", **on_github)
        assert ran.output.startswith(begins)
        assert obeyed(ran.output) == []
        assert "1 failed, 1 error, 1 passed" in ran.errors
        assert len(obeyed(ran.errors)) == 2
    # AND the run document, the last of them, says what was said
    messages = [one["failure"]["message"] for one in json.loads(ran.output)["results"] if one["failure"]]
    assert messages == ["ValueError: no rows ##[group]x\n::error::from a message"]


def test_two_documents_for_standard_output_are_refused_before_anything_is_measured(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", QUIET)
    process = leakcheck.start("run", "quiet.py", f"--output={leakcheck.output}", "--junit", "-", "--markdown", "-")
    ran = leakcheck.finish(process)
    assert "leakcheck: --junit - and --markdown -: only one can be written to stdout" in ran.errors
    assert ran.code == ExitCode.USAGE
    assert ran.documents == ()


# --- files that cannot be written -----------------------------------------------------------------


def test_a_file_that_cannot_be_written_loses_no_other(leakcheck: Leakcheck, on_github: dict[str, str]) -> None:
    leakcheck.write("quiet.py", QUIET)
    missing = "no/such/folder/file"
    wanted = ("--junit", missing, "--gitlab", missing, "--markdown", "comment.md")
    ran = leakcheck.run("quiet.py", *wanted, environment=on_github)
    assert "1 passed" in ran.output
    assert f"leakcheck: {missing}: cannot be written (No such file or directory)" in ran.errors
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.USAGE
    assert (leakcheck.folder / "comment.md").exists()
    assert (leakcheck.folder / "summary.md").exists()
    assert ran.document.finished


def test_a_summary_that_cannot_be_written_is_told(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", QUIET)
    ran = leakcheck.run("quiet.py", environment={"GITHUB_STEP_SUMMARY": "no/such/summary"})
    assert "no/such/summary: the step summary cannot be written (No such file or directory)" in ran.errors
    assert ran.code == ExitCode.USAGE


# --- the step's summary ---------------------------------------------------------------------------


def test_a_summary_is_added_to_what_is_there(leakcheck: Leakcheck, on_github: dict[str, str]) -> None:
    leakcheck.write("quiet.py", QUIET)
    leakcheck.write("summary.md", "# Tests\n")
    leakcheck.run("quiet.py", environment=on_github)
    show(leakcheck, **on_github)
    text = (leakcheck.folder / "summary.md").read_text()
    assert text.startswith("# Tests\n\n## leakcheck: 1 passed\n")
    assert rendered(text).tags.count("h2") == 2


@pytest.mark.parametrize("room", [0, 100, 1500, 3000])
def test_a_summary_never_grows_past_what_github_takes(
    leakcheck: Leakcheck, on_github: dict[str, str], room: int
) -> None:
    # GIVEN a summary that is nearly full
    leakcheck.write("quiet.py", QUIET)
    leakcheck.run("quiet.py")
    path = leakcheck.folder / "summary.md"
    path.write_text("x" * (1024 * 1024 - room))
    # WHEN there is a run to tell
    ran = show(leakcheck, **on_github)
    # THEN it is told where there is room, and the summary stays below the limit
    assert ran.code == ExitCode.WITHIN
    assert path.stat().st_size < 1024 * 1024 - 2 or room == 0
    assert ("leakcheck" in path.read_text()) == (room == 3000)


def test_what_is_not_wanted_is_not_written(leakcheck: Leakcheck, on_github: dict[str, str]) -> None:
    leakcheck.write("mixed.py", MIXED)
    ran = leakcheck.run("mixed.py", "--github", "never", environment=on_github)
    assert obeyed(ran.output + ran.errors) == []
    assert not (leakcheck.folder / "summary.md").exists()


def test_outside_of_github_nothing_is_annotated_unless_it_is_wanted(leakcheck: Leakcheck) -> None:
    leakcheck.write("mixed.py", MIXED)
    assert obeyed(leakcheck.run("mixed.py").output) == []
    commands = obeyed(show(leakcheck, "--github", "always").output)
    assert [one.properties["file"] for one in commands] == ["mixed.py", "mixed.py"]


# --- gates ----------------------------------------------------------------------------------------


def test_what_is_inconclusive_is_skipped_only_where_that_is_allowed(leakcheck: Leakcheck) -> None:
    leakcheck.write("unsure.py", ON_THE_EDGE)
    few = ("unsure.py", "--calls", "200", "--junit", "junit.xml")

    def outcome() -> list[str]:
        [case] = ElementTree.parse(leakcheck.folder / "junit.xml").getroot().iter("testcase")
        return [f"{part.tag} {part.get('type')}" for part in case]

    assert leakcheck.run(*few).code == ExitCode.INCONCLUSIVE
    assert outcome() == ["failure inconclusive"]
    assert leakcheck.run(*few, "--allow-inconclusive").code == ExitCode.WITHIN
    assert outcome() == ["skipped inconclusive"]


def test_a_saved_run_is_judged_by_the_project_s_settings(leakcheck: Leakcheck) -> None:
    leakcheck.write("unsure.py", ON_THE_EDGE)
    leakcheck.run("unsure.py", "--calls", "200")
    assert "<failure" in show(leakcheck, "--junit", "-").output
    leakcheck.write("pyproject.toml", "[tool.leakcheck]\nallow_inconclusive = true\n")
    assert "<skipped" in show(leakcheck, "--junit", "-").output


def test_an_interrupted_run_says_so_and_keeps_what_it_had(leakcheck: Leakcheck) -> None:
    # GIVEN a run that has measured one scenario and is at the next
    leakcheck.write("quiet.py", QUIET)
    leakcheck.write(
        "slow.py",
        """
        import time
        from leakcheck import scenario

        @scenario
        def slow():
            open("begun.txt", "w").close()
            time.sleep(30)
        """,
    )
    process = leakcheck.start(
        "run",
        "quiet.py",
        "slow.py",
        "--no-peak",
        f"--output={leakcheck.output}",
        "--junit",
        "j.xml",
        "--markdown",
        "m.md",
    )
    end = time.monotonic() + 60
    while not (leakcheck.folder / "begun.txt").exists() and time.monotonic() < end:
        time.sleep(0.02)
    # WHEN it is interrupted
    os.kill(process.pid, signal.SIGINT)
    ran = leakcheck.finish(process)
    # THEN the reports hold the one, and are not green
    assert ran.code == ExitCode.INTERRUPTED
    root = ElementTree.parse(leakcheck.folder / "j.xml").getroot()
    kinds = {case.get("name"): [part.get("type") for part in case] for case in root.iter("testcase")}
    assert kinds == {"quiet": [], "run": ["interrupted"]}
    assert "not finished" in (leakcheck.folder / "m.md").read_text().splitlines()[0]


# --- text that others wrote -----------------------------------------------------------------------

HOSTILE = '''
from leakcheck import scenario

class Odd(Exception):
    pass

@scenario(variants=("::stop-commands::x", "##[add-mask]a", "a|b`c", "<b>@octocat</b>", "\\x1b[31m\\u202e"))
def hostile(variant):
    print("##[error]printed")
    print("::error::printed", flush=True)
    raise Odd("""::error::raised
::set-env name=PATH::/tmp ##vso[task.complete result=Failed]""")
'''


def test_nothing_that_others_wrote_is_obeyed_by_a_runner_or_shown_as_more_than_text(
    leakcheck: Leakcheck, on_github: dict[str, str]
) -> None:
    leakcheck.write("hostile.py", HOSTILE)
    ran = leakcheck.run("hostile.py", "--junit", "junit.xml", "--markdown", "m.md", environment=on_github)
    # THEN of the log, progress and table included, GitHub obeys the five annotations and nothing else
    assert [one.name for one in obeyed(ran.output + ran.errors)] == ["error"] * 5
    assert "\x1b" not in ran.output + ran.errors
    # AND the documents hold the names as text
    names = [case.get("name") for case in ElementTree.parse(leakcheck.folder / "junit.xml").getroot().iter("testcase")]
    shown = ["::stop-commands::x", "##[add-mask]a", "a|b`c", "<b>@octocat</b>", "\\x1b[31m\\u202e"]
    assert names == [f"hostile[{name}]" for name in shown]
    page = rendered((leakcheck.folder / "m.md").read_text())
    assert sorted(row[0] for row in page.rows[1:]) == sorted(f"hostile[{name}]" for name in shown)
    assert "b" not in page.tags
    assert "@" not in page.prose


@pytest.mark.parametrize(
    "arguments", [("run", "::error::x"), ("run", "--::error::x"), ("show", "##[error]x"), ("list", "::error::x")]
)
def test_no_error_message_is_a_command(leakcheck: Leakcheck, arguments: tuple[str, ...]) -> None:
    ran = leakcheck.finish(leakcheck.start(*arguments, environment={"GITHUB_ACTIONS": "true"}))
    assert ran.code in (ExitCode.USAGE, ExitCode.NOTHING_MEASURED)
    assert obeyed(ran.output + ran.errors) == []


def test_a_reader_that_goes_away_costs_no_traceback(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", QUIET)
    leakcheck.run("quiet.py")
    (folder,) = leakcheck.output.iterdir()
    process = leakcheck.start("show", str(folder))
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    ran = leakcheck.finish(process)
    assert "Traceback" not in ran.errors
    assert "Exception" not in ran.errors


def test_the_documents_are_replaced_as_a_whole(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", QUIET)
    leakcheck.write("junit.xml", "x" * 100_000)
    leakcheck.run("quiet.py", "--junit", "junit.xml")
    ElementTree.parse(Path(leakcheck.folder / "junit.xml"))
