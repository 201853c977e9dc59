"""What malloc keeps of freed blocks for each thread is no growth of the scenario's."""

import platform

import pytest

from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck

SCENARIO = """
import ctypes, os, subprocess, sys, time
from itertools import count
from leakcheck import scenario

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
BLOCKS, CALLS = (ctypes.c_void_p * 7)(), count()

@scenario
def one_more_now_and_then():
    many, kind = divmod(min(next(CALLS) // 4, 7 * 63 - 1), 63)
    for at in range(many + 1):
        BLOCKS[at] = libc.malloc(24 + 16 * kind)
    for at in range(many + 1):
        libc.free(BLOCKS[at])
    time.sleep(0.003)

@scenario
def environment():
    yield lambda: None
    said = subprocess.run([sys.executable, "-c", "import os; print(os.environ.get('GLIBC_TUNABLES'))"],
                          capture_output=True, text=True).stdout.strip()
    assert (os.environ.get("GLIBC_TUNABLES"), said) == (None, "None")
"""
"""Frees what it takes: with the caches on, that fills them by one block in four calls, 115 KB in 1764 calls."""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="these caches are glibc's")


def test_code_that_frees_what_it_takes_is_clean_and_finds_its_own_environment(
    leakcheck: Leakcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    leakcheck.write("frees.py", SCENARIO)
    ran = leakcheck.run("frees.py")
    assert {result.scenario: result.verdict for result in ran.document.results} == {
        "one_more_now_and_then": Verdict.CLEAN,
        "environment": Verdict.CLEAN,
    }
