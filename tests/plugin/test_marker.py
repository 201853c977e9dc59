"""`@pytest.mark.leakcheck` on function tests."""

import pytest

from leakcheck.model.verdict import Gate, Verdict
from tests.plugin.project import LEAK, LEAK_BYTES_PER_CALL, Project


def test_a_leaking_test_fails_and_its_failure_says_what_the_command_would(project: Project) -> None:
    # GIVEN a test whose body keeps something with every call
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
    # WHEN it is run without any flag
    run = project.run(explain=True)
    # THEN it fails with the sentence, and a section names the culprit; and no frame of ours is shown
    assert run.outcomes == {"failed": 1}
    assert "memory grows by 1." in run.text
    assert "over the budget of 4.00 KiB" in run.text
    assert "- leakcheck -" in run.text
    assert "allocated at  test_shop.py:6" in run.text
    assert "retained by   test_shop.KEPT" in run.text
    assert "leakcheck: 1 test measured, 1 failed" in run.text
    assert "pytest_plugin" not in run.text
    # AND the document says the same
    assert run.result.verdict is Verdict.LEAK
    assert run.result.over_budget == ("growth",)
    assert [one.name for one in run.result.explanation.containers] == ["test_shop.KEPT"]


def test_a_clean_test_passes_and_is_not_listed(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck(growth="1 KiB / 1000 calls", calls=600)
        def test_adds():
            assert sum([1, 2]) == 3
        """,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1}
    assert "leakcheck: 1 test measured =" in run.text
    assert "verdict" not in run.text
    assert (run.result.verdict, run.result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert run.result.budget.growth_bytes_per_1000_calls == 1024
    # WHEN more is to be told THEN its row is there
    assert "test_shop.py::test_adds  clean" in project.run("-v").text


def test_parameters_are_variants_and_fixtures_are_set_up_once(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest
        MADE = []

        @pytest.fixture
        def made():
            MADE.append(1)
            return "it"

        @pytest.mark.leakcheck
        @pytest.mark.parametrize("name", ["a", "b"])
        def test_with(made, name):
            assert made == "it"

        def test_how_often():
            assert len(MADE) == 2
        """,
    )
    run = project.run()
    assert run.outcomes == {"passed": 3}
    assert list(run.results) == ["test_shop.py::test_with[a]", "test_shop.py::test_with[b]"]
    assert [result.variant for result in run.results.values()] == ["a", "b"]


def test_growth_within_the_marks_budget_passes_and_is_listed(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck(growth="2 MiB / 1000 calls")
        def test_keeps():
            leak()
        """,
        before=LEAK,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1}
    assert (run.result.verdict, run.result.gate) == (Verdict.LEAK, Gate.WITHIN)
    assert run.result.growth is not None
    assert run.result.growth.bytes_per_1000_calls == pytest.approx(1000 * LEAK_BYTES_PER_CALL, rel=0.02)
    assert "test_shop.py::test_keeps  leak" in run.text


def test_a_peak_is_measured_in_a_process_of_its_own(project: Project) -> None:
    # GIVEN a test that notes which process it runs in, and takes five million bytes there
    project.write(
        "test_shop.py",
        """
        import os, sys, pytest

        @pytest.mark.leakcheck(peak="1 MiB", calls=50)
        def test_takes():
            bytearray(5_000_000)

        def test_no_tracer_was_loaded_here():
            assert "leakcheck.worker.peak" not in sys.modules
        """,
    )
    run = project.run()
    assert run.outcomes == {"failed": 1, "passed": 1}
    assert "one call peaks at 4.77 MiB; the budget is 1.00 MiB." in run.text
    assert "at the peak  test_shop.py:5" in run.text
    assert run.result.peak_bytes == pytest.approx(5_000_000, rel=0.01)


def test_what_has_a_limit_passes_as_bounded(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import collections, pytest
        LAST = collections.deque(maxlen=3000)

        @pytest.mark.leakcheck
        def test_remembers():
            LAST.append(bytearray(100))
        """,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1}
    assert (run.result.verdict, run.result.gate) == (Verdict.BOUNDED, Gate.WITHIN)
    assert "test_shop.LAST" in run.text or "bounded" in run.text


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('growth="64 KB"', "'64 KB': there is no unit 'KB'; the units are"),
        ('grwth="64 KiB"', "there is no 'grwth'; did you mean growth?"),
        ("growth=64", "growth is 64; write a string such as growth='64 KiB / 1000 calls'"),
        ("calls=0", "calls is 0; write a number of calls"),
        ("time=-1", "time is -1; write a number of seconds"),
        ('"64 KiB"', "takes keyword arguments only, such as growth='64 KiB'"),
    ],
)
def test_a_mark_that_cannot_be_understood_is_told_before_any_test_runs(
    project: Project, mark: str, message: str
) -> None:
    project.write(
        "test_shop.py",
        f"""
        import pytest

        def test_first():
            assert False, "this must not run"

        @pytest.mark.leakcheck({mark})
        def test_named():
            pass
        """,
    )
    run = project.run()
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert f"test_shop.py::test_named: @pytest.mark.leakcheck: {message}" in run.text
    assert "this must not run" not in run.text


def test_marks_can_be_selected_and_the_plugin_turned_off(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck(calls=50)
        def test_marked():
            pass

        def test_other():
            pass
        """,
    )
    run = project.run("-m", "not leakcheck")
    assert run.outcomes == {"passed": 1, "deselected": 1}
    assert run.results == {}


def test_without_a_verdict_nothing_is_green(project: Project) -> None:
    # GIVEN a body that keeps something, and too few calls to be sure of it
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck(calls=10)
        def test_keeps():
            leak()
        """,
        before=LEAK,
    )
    run = project.run()
    assert run.outcomes == {"failed": 1}
    assert "all 10 calls are used up; a verdict takes about " in run.text
    assert "raise --leakcheck-calls" in run.text
    assert "1 inconclusive" in run.text


# --- bodies that are not to be replayed -----------------------------------------------------------


def test_what_fails_skips_or_is_expected_to_fail_does_so_as_always(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest
        pytestmark = pytest.mark.leakcheck(calls=50)

        def test_fails():
            assert 1 == 2

        def test_skips():
            pytest.skip("not here")

        @pytest.mark.xfail(strict=True)
        def test_fails_as_expected():
            assert 1 == 2
        """,
    )
    run = project.run()
    assert run.outcomes == {"failed": 1, "skipped": 1, "xfailed": 1}
    assert "assert 1 == 2" in run.text
    assert run.results == {}


def test_a_body_that_runs_only_once_fails_where_it_is_marked_with_the_remedy(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck
        def test_makes(tmp_path):
            (tmp_path / "it").mkdir()
        """,
    )
    run = project.run()
    assert run.outcomes == {"failed": 1}
    assert "raised on call 2: FileExistsError" in run.text
    assert "It runs once and not again, so it cannot be replayed" in run.text


def test_a_body_that_runs_only_once_passes_where_nobody_asked_for_it_and_is_counted(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        def test_makes(tmp_path):
            (tmp_path / "it").mkdir()
        """,
    )
    run = project.run("--leakcheck")
    assert run.outcomes == {"passed": 1}
    assert "leakcheck: 1 test measured, 1 cannot be replayed" in run.text


def test_a_body_that_hangs_when_replayed_is_given_up(project: Project) -> None:
    # GIVEN a body that waits for ever from its third call on, and a second to wait for it
    project.write("pyproject.toml", "[tool.leakcheck]\ntimeout = 1.0\n")
    project.write(
        "test_shop.py",
        """
        import threading, pytest
        ROOM = threading.Semaphore(2)

        @pytest.mark.leakcheck
        def test_takes_and_never_gives_back():
            ROOM.acquire()
        """,
    )
    run = project.run()
    assert run.outcomes == {"failed": 1}
    assert "on call 3 it ran past" in run.text
    assert "raise timeout in [tool.leakcheck]" in run.text
    assert run.result.failure is not None
    assert run.result.failure.kind == "hung"
