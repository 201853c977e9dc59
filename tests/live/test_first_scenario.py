"""The process that described a file measures its first scenario: nothing is imported twice, and nobody is left over."""

from pathlib import Path

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck, is_alive

TWO = """
import os
from leakcheck import scenario

with open("imports.txt", "a") as file:
    print(os.getpid(), file=file)

LEFT = []

@scenario
def quiet():
    pass

@scenario
def keeps():
    LEFT.append(bytearray(100))
"""


@pytest.fixture
def two(leakcheck: Leakcheck) -> Leakcheck:
    """The command, beside a file with two scenarios that writes down who imports it."""
    leakcheck.write("two.py", TWO)
    return leakcheck


def imports(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "imports.txt").read_text().split()]


def test_of_two_scenarios_the_second_gets_a_process_of_its_own(two: Leakcheck) -> None:
    ran = two.run("two.py", "--calls", "400")
    assert [result.verdict for result in ran.document.results] == [Verdict.CLEAN, Verdict.LEAK]
    assert len(set(imports(two.folder))) == len(imports(two.folder)) == 2


def test_a_scenario_that_is_picked_is_the_first(two: Leakcheck) -> None:
    two.write("before.py", TWO.replace("imports.txt", "of-another.txt").replace("keeps", "fills"))
    ran = two.run("before.py", "two.py::keeps", "-k", "keeps", "--calls", "400")
    assert ran.result.verdict is Verdict.LEAK
    assert len(imports(two.folder)) == 1


def test_what_is_to_run_before_the_import_runs_before_it(two: Leakcheck) -> None:
    two.write("before.py", "def prepare():\n    open('imports.txt', 'a').write('0 ')\n")
    ran = two.run("two.py::quiet", "--setup", "before:prepare", "--calls", "60")
    assert ran.result.failure is None
    described, prepared, measured = imports(two.folder)
    assert prepared == 0
    assert described != measured


def test_nobody_waits_any_longer_where_nothing_is_measured(two: Leakcheck) -> None:
    two.write("leakcheck-baseline.json", '{"schema": "leakcheck.baseline/1", "environments": {}}')
    ran = two.check("two.py")
    assert ran.code == ExitCode.NO_BASELINE
    (described,) = imports(two.folder)
    assert not is_alive(described)
    assert two.processes_left() == []


def test_what_is_said_of_the_interpreter_leaves_nothing_in_the_process(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "who.py",
        """
        import os, sys
        from leakcheck import scenario

        LOADED = {"importlib.metadata", "platform", "sysconfig", "leakcheck.worker.environment"} & set(sys.modules)

        @scenario
        def who():
            assert not LOADED, LOADED
            try:
                os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            raise AssertionError("a child is left")
        """,
    )
    ran = leakcheck.run("who.py", "--calls", "60")
    assert ran.result.failure is None, ran.result.failure
    assert ran.document.environment is not None
    assert {"pytest-leakcheck", "msgspec"} <= set(ran.document.environment.packages)


def test_a_broken_package_costs_its_version_and_nothing_else(two: Leakcheck) -> None:
    broken = two.write("vendored/broken-1.0.dist-info/METADATA", "")
    broken.write_bytes(b"Name: caf\xe9")
    ran = two.run("two.py::quiet", "--calls", "60", environment={"PYTHONPATH": str(broken.parents[1])})
    assert ran.result.failure is None
    assert ran.document.environment is not None
    assert "msgspec" in ran.document.environment.packages


def test_the_interpreter_is_known_though_nothing_can_be_imported(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "broken.py", "from leakcheck import scenario\n@scenario\ndef it(): pass\nraise RuntimeError('no')\n"
    )
    ran = leakcheck.run("broken.py")
    assert ran.code == ExitCode.SCENARIO_FAILED
    assert ran.document.environment is not None
