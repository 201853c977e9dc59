"""Under another malloc the exact meter of native memory is blind, and the verdict claims no more than pages show."""

from ctypes.util import find_library

import pytest

from leakcheck.model.result import Result
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck

SCENARIOS = """
import ctypes
from leakcheck import scenario
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
@scenario
def untouched(): libc.malloc(84)
@scenario
def touched(): ctypes.memset(libc.malloc(84), 1, 84)
@scenario
def large(): ctypes.memset(libc.malloc(8000), 1, 8000)
@scenario
def freed(): libc.free(libc.malloc(84))
@scenario
def quiet(): sorted(range(100))
"""
"""`touched` keeps 84 B a call, and what the allocator adds: up to 112 B."""


def allocator(name: str) -> str:
    found = find_library(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def claims_no_more_than(result: Result, bytes_per_call: float) -> bool:
    """Tell whether the truth lies within what is said, as far as anything is said."""
    assert result.growth is not None
    return 1000 * bytes_per_call <= result.growth.high and result.growth.low <= 1300 * bytes_per_call


@pytest.mark.parametrize("name", ["jemalloc", "mimalloc", "tcmalloc_minimal"])
@pytest.mark.parametrize("python", ["pymalloc", "malloc"])
def test_under_another_malloc_native_leaks_are_never_clean_and_clean_code_is_no_leak(
    leakcheck: Leakcheck, name: str, python: str
) -> None:
    # GIVEN another malloc in the place of glibc's
    leakcheck.write("blind.py", SCENARIOS)
    environment = {"LD_PRELOAD": allocator(name), "PYTHONMALLOC": python}
    # WHEN native leaks and clean code are measured under it
    ran = leakcheck.run("blind.py", "--time=4", environment=environment)
    # THEN the truth is within the bounds, and the run says what could not be read
    found = {result.scenario: result for result in ran.document.results}
    for leaking, kept in (("untouched", 84), ("touched", 84), ("large", 8000)):
        assert found[leaking].verdict in (Verdict.LEAK, Verdict.INCONCLUSIVE)
        assert claims_no_more_than(found[leaking], kept)
    for clean in (found["freed"], found["quiet"]):
        assert clean.verdict in (Verdict.CLEAN, Verdict.INCONCLUSIVE)
        assert clean.growth is not None
        assert clean.growth.high >= 1000
    sentence = "Native memory could not be read here" if python == "pymalloc" else "Live bytes could not be read here"
    assert sentence in " ".join(ran.output.split())
