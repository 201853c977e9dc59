"""Identical tests have identical verdicts, whatever ran before them and beside them."""

import pytest

from leakcheck.model.result import Result
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Verdict
from tests.plugin.project import LEAK, Project

SIX = "\nimport pytest\npytestmark = pytest.mark.leakcheck\n" + "".join(
    f"\ndef test_{name}():\n    {{body}}\n" for name in "abcdef"
)
REVERSED = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"


@pytest.mark.parametrize(
    "way",
    [pytest.param("in order", marks=pytest.mark.slow), "reversed", pytest.param("two workers", marks=pytest.mark.slow)],
)
def test_six_identical_tests_have_six_identical_verdicts(project: Project, way: str) -> None:
    # GIVEN six tests with one leaking body, and six with one clean body
    project.write("test_leaking.py", LEAK + SIX.format(body="leak()"))
    project.write("test_clean.py", LEAK + SIX.format(body="sorted(range(100))"))
    if way == "reversed":
        project.write("conftest.py", REVERSED)
    # WHEN they are run
    run = project.run(*(["-n", "2"] if way == "two workers" else []))
    # THEN each has the verdict of its body, and the leaking ones have one figure
    assert run.outcomes == {"failed": 6, "passed": 6}
    leaking = [result for name, result in run.results.items() if name.startswith("test_leaking")]
    clean = [result for name, result in run.results.items() if name.startswith("test_clean")]
    assert [result.verdict for result in leaking] == [Verdict.LEAK] * 6
    assert [result.verdict for result in clean] == [Verdict.CLEAN] * 6
    assert len({figure(result) for result in leaking}) == 1
    assert len({figure(result) for result in clean}) == 1


def figure(result: Result) -> str:
    """Return the growth as it is printed."""
    assert result.growth is not None
    return format_size(result.growth.bytes_per_1000_calls)
