"""Beside other plugins, under other arguments, and with leaks that are known."""

import pytest

from leakcheck.model.verdict import Gate, Verdict
from tests.plugin.project import LEAK, Project

LEAKING = LEAK + "\nimport pytest\n\n@pytest.mark.leakcheck\ndef test_keeps():\n    leak()\n"


def test_under_xdist_the_results_travel_and_suspects_have_processes_of_their_own(project: Project) -> None:
    pytest.importorskip("xdist")
    # GIVEN two files, a plugin and an option of the project's own
    project.write(
        "conftest.py",
        """
        def pytest_addoption(parser):
            parser.addoption("--shop")
        """,
    )
    project.write(
        "test_leaking.py",
        LEAKING.replace("    leak()", "    leak()").replace("test_keeps()", "test_keeps(pytestconfig)"),
    )
    project.write(
        "test_clean.py",
        """
        import pytest

        @pytest.mark.leakcheck
        def test_is_told(pytestconfig):
            assert pytestconfig.getoption("shop") == "open"
        """,
    )
    # WHEN they are run by two workers, with a report
    run = project.run("-n", "2", "--shop", "open", "--junitxml=junit.xml", "-x", "test_clean.py", "test_leaking.py")
    # THEN the verdicts, the section and the summary are there
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.results["test_leaking.py::test_keeps"].verdict is Verdict.LEAK
    assert run.results["test_clean.py::test_is_told"].verdict is Verdict.CLEAN
    assert "leakcheck: 2 tests measured, 1 failed" in run.text
    # AND no other process has written the report anew
    assert (project.folder / "junit.xml").read_text().count("<testcase") == 2


def test_under_xdist_a_mark_that_cannot_be_understood_fails_its_test(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write("test_shop.py", LEAKING.replace("leakcheck\n", "leakcheck(calls=0)\n"))
    run = project.run("-n", "1")
    assert run.outcomes == {"errors": 1}
    assert "test_shop.py::test_keeps: @pytest.mark.leakcheck: calls is 0; write a number of calls" in run.text


def test_arguments_of_the_run_do_not_take_hold_in_its_isolated_processes(project: Project) -> None:
    # GIVEN a leaking test, and arguments that would deselect, stop, report or keep their folder for themselves
    project.write("test_shop.py", LEAKING)
    project.write("test_other.py", "def test_other(tmp_path):\n    assert list(tmp_path.iterdir()) == []\n")
    run = project.run(
        *(
            "--maxfail=1",
            "--junitxml=junit.xml",
            "--basetemp=base",
            "-k",
            "keeps or other",
            "-o",
            "console_output_style=count",
        ),
        *("test_other.py", "test_shop.py"),
    )
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.result.verdict is Verdict.LEAK
    assert (project.folder / "junit.xml").read_text().count("<testcase") == 2
    # the folder of the run itself is still its own
    assert [path.name for path in (project.folder / "base").iterdir() if path.is_dir() and not path.is_symlink()] == [
        "test_other0"
    ]


@pytest.mark.slow
def test_nothing_is_left_behind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a place for temporary files that is empty, and a leaking test, explained and with a peak
    place = project.folder / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    project.write("test_shop.py", LEAKING.replace("leakcheck\n", 'leakcheck(peak="1 GiB")\n'))
    run = project.run("--basetemp=base", explain=True)
    assert run.outcomes == {"failed": 1}
    assert [path.name for path in place.iterdir()] == []


def test_a_fixture_that_fails_in_an_isolated_process_is_told(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import os, pytest

        @pytest.fixture
        def alone():
            if "PYTEST_XDIST_WORKER" in os.environ:
                raise OSError("there can be only one")

        @pytest.mark.leakcheck
        def test_keeps(alone):
            leak()
        """,
        before=LEAK,
    )
    run = project.run("-p", "no:xdist")
    assert run.outcomes == {"failed": 1}
    assert "not replayable here" in run.text
    assert "in a second process, the fixture alone (function) raised OSError: there can be only one" in run.text
    assert "leakcheck: 1 test measured, 1 not replayable here" in run.text


def test_our_mark_and_memrays_both_report_on_one_test(project: Project) -> None:
    pytest.importorskip("pytest_memray")
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck
        @pytest.mark.limit_memory("1 MB")
        def test_both():
            leak()
            bytearray(5_000_000)

        @pytest.mark.leakcheck
        @pytest.mark.limit_leaks("500 B")
        def test_both_leak():
            leak()
            leak()

        @pytest.mark.leakcheck
        @pytest.mark.limit_memory("100 MB")
        def test_ours():
            leak()

        @pytest.mark.leakcheck
        @pytest.mark.limit_memory("1 MB")
        def test_theirs():
            bytearray(5_000_000)

        @pytest.mark.leakcheck
        @pytest.mark.limit_memory("100 MB")
        def test_neither():
            pass
        """,
        before=LEAK,
    )
    run = project.run()
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert run.text.count("memory grows by ") >= 3
    assert run.text.count("Test was limited to 1.0MiB but allocated 4.8MiB") >= 2
    assert "Test was allowed to leak 500.0B per location" in run.text
    verdicts = {name.partition("::test_")[2]: result.verdict for name, result in run.results.items()}
    assert verdicts == {
        "both": Verdict.LEAK,
        "both_leak": Verdict.LEAK,
        "ours": Verdict.LEAK,
        "theirs": Verdict.CLEAN,
        "neither": Verdict.CLEAN,
    }
    assert run.outcomes["passed"] == 1


@pytest.mark.slow
def test_a_known_leak_is_listed_and_does_not_fail(project: Project) -> None:
    project.write(
        "pyproject.toml",
        """
        [[tool.leakcheck.known]]
        match = "*test_shop.KEPT*"
        scenario = "test_shop.py::*"
        reason = "ticket 12"
        """,
    )
    project.write(
        "test_shop.py",
        """
        import pytest
        KEPT = []

        @pytest.mark.leakcheck
        def test_keeps():
            KEPT.append(bytearray(1000))
        """,
    )
    run = project.run(explain=True)
    assert run.outcomes == {"passed": 1}
    assert (run.result.verdict, run.result.gate) == (Verdict.LEAK, Gate.WITHIN)
    assert [leak.reason for leak in run.result.known_leaks] == ["ticket 12"]
    assert "known leak" in run.text


def test_the_test_process_loads_nothing_heavy(project: Project) -> None:
    # GIVEN a test that is measured here and elsewhere, and one after it that looks at what is loaded
    project.write("test_a.py", LEAKING)
    project.write(
        "test_b.py",
        """
        import sys

        def test_what_is_loaded():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert "leakcheck.worker.growth" in sys.modules
            assert not loaded & {"numpy", "scipy", "msgspec", "psutil", "rich", "typer"}
            rooms = {".".join(name.split(".")[:3]) for name in sys.modules}
            assert not {"leakcheck.analysis", "leakcheck.pytest_plugin.judge"} & rooms
            runner = {name for name in sys.modules if name.startswith("leakcheck.runner.")}
            assert runner == {"leakcheck.runner.child_process"}
        """,
    )
    # pytest-memray loads rich by itself, and psutil is what xdist counts cores with
    run = project.run("-p", "no:memray", "-p", "no:xdist")
    assert run.outcomes == {"failed": 1, "passed": 1}, run.text
    assert run.results["test_a.py::test_keeps"].verdict is Verdict.LEAK
