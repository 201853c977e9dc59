"""Options of the command line and of the ini file: each does what it says."""

import json
import sys

import pytest

from leakcheck.model.verdict import Gate, Verdict
from tests.plugin.project import LEAK, Project

QUIET = """
import os

def test_quiet():
    with open("pids.txt", "a") as file:
        print(os.getpid(), file=file)
"""


def pids(project: Project) -> list[str]:
    """Return which process each run of the body was in, and forget it."""
    path = project.folder / "pids.txt"
    process_ids = path.read_text().split()
    path.unlink()
    return process_ids


def test_nothing_is_measured_unless_it_is_said(project: Project) -> None:
    project.write("test_shop.py", QUIET)
    run = project.run()
    assert run.outcomes == {"passed": 1}
    assert run.results == {}
    assert len(pids(project)) == 1
    assert "leakcheck:" not in run.text


@pytest.mark.parametrize("by_ini", [False, True])
def test_every_test_is_replayed_where_that_is_wanted(project: Project, by_ini: bool) -> None:
    project.write("test_shop.py", QUIET)
    project.ini("leakcheck = true" if by_ini else "")
    run = project.run(*([] if by_ini else ["--leakcheck"]))
    assert run.outcomes == {"passed": 1}
    assert run.result.verdict is Verdict.CLEAN
    assert len(process_ids := pids(project)) > 100
    # in this one process
    assert len(set(process_ids)) == 1


@pytest.mark.parametrize("by_ini", [False, True])
def test_isolated_measurements_leave_the_test_process_alone(project: Project, by_ini: bool) -> None:
    project.write("test_shop.py", QUIET)
    project.ini("leakcheck_isolate = true" if by_ini else "")
    run = project.run("--leakcheck", *([] if by_ini else ["--leakcheck-isolate"]))
    assert run.outcomes == {"passed": 1}
    assert run.result.verdict is Verdict.CLEAN
    process_ids = pids(project)
    # the test ran once here, and in one fresh process often
    assert process_ids.count(process_ids[0]) == 1
    assert len(set(process_ids)) == 2


def test_the_ini_files_budgets_come_after_the_projects_and_before_the_marks(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest

        def test_quiet():
            pass

        @pytest.mark.leakcheck(growth="3 KiB", peak="30 MiB")
        def test_marked():
            pass
        """,
    )
    project.write("pyproject.toml", '[tool.leakcheck]\ngrowth = "1 KiB"\n')
    arguments = ("--leakcheck", "--leakcheck-calls=50")
    quiet, marked = "test_shop.py::test_quiet", "test_shop.py::test_marked"
    assert project.run(*arguments, "-k", "quiet").result.budget.growth_bytes_per_1000_calls == 1024
    project.ini("leakcheck_growth = 2 KiB / 1000 calls", "leakcheck_peak = 20 MiB")
    run = project.run(*arguments)
    assert run.results[quiet].budget.growth_bytes_per_1000_calls == 2048
    assert run.results[quiet].budget.peak_bytes == 20 * 1024**2
    assert run.results[quiet].peak_bytes is not None
    assert run.results[marked].budget.growth_bytes_per_1000_calls == 3072
    assert run.results[marked].budget.peak_bytes == 30 * 1024**2


def test_a_peak_of_the_ini_file_fails_what_is_above(project: Project) -> None:
    project.write("test_shop.py", "def test_takes():\n    bytearray(5_000_000)\n")
    project.ini("leakcheck_peak = 1 MiB", "leakcheck_calls = 50")
    run = project.run("--leakcheck")
    assert run.outcomes == {"failed": 1}
    assert run.result.over_budget == ("peak",)


@pytest.mark.parametrize("by_ini", [False, True])
def test_calls_are_the_most_that_are_replayed(project: Project, by_ini: bool) -> None:
    project.write("test_shop.py", QUIET)
    project.ini("leakcheck_calls = 70" if by_ini else "leakcheck_calls = 500")
    run = project.run("--leakcheck", *([] if by_ini else ["--leakcheck-calls=70"]))
    assert run.result.growth is not None
    assert run.result.growth.calls == 70
    assert len(pids(project)) == 71


def test_time_is_the_longest_that_a_test_is_followed(project: Project) -> None:
    project.write("test_shop.py", "import time\n\ndef test_sleeps():\n    time.sleep(0.02)\n")
    project.ini("leakcheck_time = 0.5")
    run = project.run("--leakcheck")
    assert run.result.growth is not None
    assert 10 < run.result.growth.calls < 100


@pytest.mark.parametrize("allowed", [False, True])
def test_what_is_inconclusive_passes_only_where_that_is_allowed(project: Project, allowed: bool) -> None:
    project.write("test_shop.py", LEAK + "\ndef test_keeps():\n    leak()\n")
    project.ini("leakcheck_allow_inconclusive = true" if allowed else "")
    run = project.run("--leakcheck", "--leakcheck-calls=10")
    assert run.result.gate is Gate.INCONCLUSIVE
    assert run.outcomes == ({"passed": 1} if allowed else {"failed": 1})
    # it is listed in any case
    assert "test_shop.py::test_keeps  inconclusive" in run.text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("leakcheck_growth = 64 KB", "there is no unit 'KB'"),
        ("leakcheck_peak = much", "'much' is not a size"),
        ("leakcheck_calls = 0", "ini option leakcheck_calls: 0 is not a number above 0"),
    ],
)
def test_an_ini_option_that_cannot_be_understood_is_told_at_once(project: Project, line: str, message: str) -> None:
    project.write("test_shop.py", QUIET)
    project.ini(line)
    run = project.run()
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert message in run.text


def test_a_setting_of_the_project_that_cannot_be_used_fails_what_is_measured(project: Project) -> None:
    project.write("test_shop.py", QUIET)
    project.write("pyproject.toml", "[tool.leakcheck]\ngrwth = '1 KiB'\n")
    run = project.run("--leakcheck")
    assert run.outcomes == {"failed": 1}
    assert "there is no option 'grwth'; did you mean growth?" in run.text


def test_the_document_is_one_that_the_command_shows(project: Project, pytester: pytest.Pytester) -> None:
    project.write("test_shop.py", QUIET)
    run = project.run("--leakcheck", "--leakcheck-calls=50")
    assert "leakcheck: wrote run-document.json" in run.text
    document = json.loads((project.folder / "run-document.json").read_text())
    assert document["schema"] == "leakcheck.run/2"
    assert document["command"][0] == "pytest"
    assert document["environment"]["implementation"] == "cpython"
    shown = pytester.run(sys.executable, "-m", "leakcheck", "show", "run-document.json")
    assert shown.ret == 0
    shown.stdout.fnmatch_lines(["*test_shop.py::test_quiet*clean*"])


def test_with_the_plugin_turned_off_nothing_is_measured(project: Project, pytester: pytest.Pytester) -> None:
    project.write("test_shop.py", "import pytest\n\n@pytest.mark.leakcheck\ndef test_quiet():\n    pass\n")
    result = pytester.runpytest_subprocess("-p", "no:leakcheck")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*Unknown pytest.mark.leakcheck*"])


def test_a_known_leak_forgives_one_test_and_a_pattern_that_names_two_leaks_fails_the_second(project: Project) -> None:
    # GIVEN two tests that leak into lists of their own, and a pattern that fits both
    project.write("pyproject.toml", '[[tool.leakcheck.known]]\nmatch = "*KEPT*"\nreason = "ticket 12"\n')
    project.write(
        "test_shop.py",
        """
        import pytest
        KEPT, KEPT_TOO = [], []

        @pytest.mark.leakcheck
        def test_first():
            KEPT.append(bytes(1000))

        @pytest.mark.leakcheck
        def test_second():
            KEPT_TOO.append(bytes(1000))
        """,
    )
    # WHEN they are run THEN the first is forgiven, and the second says what is wrong with the list
    run = project.run("--leakcheck", explain=True)
    assert (run.outcomes.get("passed"), run.outcomes.get("failed")) == (1, 1)
    assert "the known leak *KEPT* names 2 different leaks in this run" in " ".join(run.text.split())
