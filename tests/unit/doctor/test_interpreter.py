"""Checks of the measured Python for facts of other machines."""

from dataclasses import replace

import pytest

from leakcheck.doctor.checks import findings
from leakcheck.doctor.interpreter import INTERPRETER_GROUPS, summary
from leakcheck.doctor.model import CheckState, Finding, InterpreterFacts, TracerStatus
from tests.unit.doctor.facts import FREE_THREADED, JEMALLOC, LINUX, MACOS, MUSL, RAW


def not_ok(facts: InterpreterFacts) -> dict[str, Finding]:
    """Return the findings that are not ok, and assert that each has a remedy."""
    found = {item.name: item for item in findings(INTERPRETER_GROUPS, facts) if item.state is not CheckState.OK}
    assert all(item.remedy for item in found.values())
    return found


def test_on_linux_with_glibc_everything_is_ok() -> None:
    assert not_ok(LINUX) == {}
    assert summary(LINUX) == "Growth is exact to the byte, for Python and native memory; memray measures the peak."


@pytest.mark.parametrize(
    ("facts", "names", "sentence"),
    [
        (MUSL, {"C library", "native live bytes"}, "exact for Python memory, and estimated from resident pages"),
        (
            MACOS,
            {"C library", "native live bytes", "resident pages", "resources", "native frames"},
            "exact for Python memory",
        ),
        (JEMALLOC, {"allocator", "native live bytes"}, "exact for Python memory, and estimated"),
        (FREE_THREADED, {"Python", "allocator", "Python's live bytes"}, "exact for native memory, and estimated"),
        (RAW, {"allocator"}, "Growth is exact to the byte"),
        (replace(RAW, native_meter=None), {"allocator", "Python's live bytes", "native live bytes"}, "is estimated"),
        (replace(LINUX, implementation="pypy", python_meter=None), {"Python", "Python's live bytes"}, "native memory"),
        (replace(LINUX, python="3.99.0"), {"Python"}, "to the byte"),
        (replace(LINUX, is_debug=True), {"Python"}, "to the byte"),
        (
            replace(LINUX, memray=TracerStatus(error="no module named memray")),
            {"memray"},
            "the peak cannot be measured",
        ),
    ],
    ids=[
        "musl",
        "macOS",
        "jemalloc",
        "no GIL",
        "malloc",
        "malloc without meter",
        "PyPy",
        "later",
        "debug",
        "no memray",
    ],
)
def test_on_other_platforms_every_limitation_is_reported_with_a_remedy(
    facts: InterpreterFacts, names: set[str], sentence: str
) -> None:
    assert set(not_ok(facts)) == names
    assert sentence in summary(facts)


def test_the_library_that_replaces_malloc_is_named() -> None:
    assert "LD_PRELOAD=libjemalloc.so.2" in not_ok(JEMALLOC)["native live bytes"].remedy


def test_resources_that_cannot_be_counted_are_listed_separately() -> None:
    resources = not_ok(MACOS)["resources"]
    assert resources.message == "threads, asyncio tasks and uncollectable objects; not open files and child processes"


@pytest.mark.parametrize(
    ("memray", "message"),
    [
        (TracerStatus(version="1.20.0", sees_python=True), "1.20.0 (from the project's environment), working"),
        (
            TracerStatus(version="1.20.0", sees_python=True, is_lent=True),
            "1.20.0 (from leakcheck's environment), working",
        ),
        (TracerStatus(version="1.20.0", error="OSError: no"), "1.20.0 (from the project's environment), OSError: no"),
        (TracerStatus(error="no module named memray"), "not installed; no peaks and no flamegraphs"),
    ],
    ids=["its own", "lent", "failing", "missing"],
)
def test_memray_is_reported_with_the_environment_that_it_comes_from(memray: TracerStatus, message: str) -> None:
    found = {item.name: item for item in findings(INTERPRETER_GROUPS, replace(LINUX, memray=memray))}
    assert found["memray"].message == message
    # AND frames are checked only if memray can trace
    assert ("native frames" in found) is memray.sees_python
