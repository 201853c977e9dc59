"""Whatever a measured process writes, patches or answers, it ends its own scenario at most; the others are measured."""

from pathlib import Path

import mutations
import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from tests.live.beside import assert_failed, run_beside_healthy
from tests.live.command import Leakcheck

# --- what is written -------------------------------------------------------------------------------

WRITES = """
import os
from leakcheck import scenario

def write(data):
    for number in range(3, 60):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                os.write(number, data)
        except OSError:
            pass

@scenario
def bad():
    write(WHAT)
"""


@pytest.mark.parametrize(
    "what",
    [
        b"hello\n",
        b'{"kind":"block"}\n',
        b'{"kind":"trouble","trouble":{"a":1}}\n',
        b"[" * 200_000 + b"\n",
        b"\xff\xfe\n",
    ],
    ids=["a line", "a block", "failure", "deep", "no text"],
)
def test_who_writes_to_every_descriptor_ends_its_own_scenario(leakcheck: Leakcheck, what: bytes) -> None:
    ran = run_beside_healthy(leakcheck, WRITES.replace("WHAT", repr(what)), "--calls", "50")
    assert_failed(ran, "into the connection between leakcheck and the measured process, so its answers cannot be")
    assert ran["bad"].gate is Gate.ERROR


def test_a_file_that_writes_to_every_descriptor_when_it_is_imported_costs_that_file(leakcheck: Leakcheck) -> None:
    ran = run_beside_healthy(leakcheck, f"{WRITES}\nwrite(b'hello')\n".replace("WHAT", "b''"), "--calls", "50")
    assert_failed(ran, "bad.py: something wrote b'hello' into the connection")


# --- what is patched -------------------------------------------------------------------------------

PATCHES = {
    "json": "json.dumps = lambda *a, **k: 'x'; json.loads = lambda *a, **k: {'kind': 'finish'}",
    "os": "os.getpid = lambda: 1; os.open = os.read = os.readv = os.close = os.fstat = os.stat = os.scandir = None",
    "time": "time.time = time.perf_counter = time.perf_counter_ns = lambda: 0; time.sleep = lambda seconds: None",
    "gc": "gc.collect = lambda *a: 0; gc.freeze = gc.unfreeze = None",
    "builtins": "builtins.open = None; builtins.len = lambda x: 7; builtins.sum = lambda *a: 3; builtins.range = list",
    "sys": "sys.getallocatedblocks = lambda: 5; sys.stdout = sys.stderr = None; sys.modules.pop('gc')",
    "socket": "socket.socket = None",
    "meta path": "sys.meta_path.clear(); sys.path_hooks.clear()",
    "our modules": "[sys.modules.pop(name) for name in list(sys.modules) if name.startswith('leakcheck')]",
}

PATCHED = """
import builtins, gc, json, os, socket, sys, time
from leakcheck import scenario

KEPT = []

@scenario
def leaking():
    PATCH
    yield lambda: KEPT.append(bytes(967))

@scenario
def still():
    PATCH
    yield lambda: None
"""


@pytest.mark.parametrize("name", PATCHES)
def test_who_patches_what_we_call_is_measured_all_the_same(leakcheck: Leakcheck, name: str) -> None:
    # GIVEN code that patches Python before its calls, and keeps 1008 bytes of each: 1000, and a slot of a list
    leakcheck.write("patched.py", PATCHED.replace("PATCH", PATCHES[name]))
    # WHEN it is measured
    ran = leakcheck.run("patched.py", "--calls", "1500")
    # THEN the leak is found at its size, and what stands still is not one
    assert ran.code == ExitCode.OVER_BUDGET
    growth = ran["leaking"].growth
    assert ran["leaking"].verdict is Verdict.LEAK
    assert growth is not None
    assert growth.bytes_per_1000_calls == pytest.approx(1_016_000, rel=0.02)
    assert (ran["still"].verdict, ran["still"].gate) == (Verdict.CLEAN, Gate.WITHIN)


# --- anything at all -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [4, 18, 21, 26])
def test_the_other_nine_of_ten_are_measured(tmp_path: Path, seed: int) -> None:
    # each does another thing: other bytes, other answers, other columns, a flood
    mutations.write_scenarios(tmp_path)
    came = mutations.came_of(seed, tmp_path)
    assert list(came.complaints()) == []
    assert came.code == ExitCode.SCENARIO_FAILED


# --- half letters ----------------------------------------------------------------------------------

HALF = r"""
import os, threading
from leakcheck import scenario

NAMES = {}

@scenario
def raises():
    open(os.fsdecode(b"/nonexistent/caf\xe9.txt"))

@scenario
def keeps():
    NAMES.setdefault("caf\udce9", []).append(bytes(967))

@scenario
def ends():
    raise SystemExit("caf\udce9")

@scenario(variants=("x\udce9", "y"))
def by_name(variant):
    assert variant in ("x\udce9", "y")
    yield lambda: None
"""


def test_half_a_letter_is_replaced_and_costs_nothing(leakcheck: Leakcheck) -> None:
    leakcheck.write("half.py", HALF)
    ran = leakcheck.run("half.py", "--calls", "1500")
    assert "raises: raised on call 1: FileNotFoundError" in ran.output
    assert "Traceback" not in ran.errors
    assert ran["keeps"].verdict is Verdict.LEAK
    assert (ran["by_name[x?]"].verdict, ran["by_name[y]"].verdict) == (Verdict.CLEAN, Verdict.CLEAN)
    assert ran.document.finished
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_a_file_whose_name_is_no_text_is_measured(leakcheck: Leakcheck) -> None:
    leakcheck.write("caf\udce9.py", "from leakcheck import scenario\n\n@scenario\ndef still(): ...\n")
    ran = leakcheck.run("caf\udce9.py", "--calls", "400")
    assert ran.result.verdict is Verdict.CLEAN
    assert ran.result.target == "caf?.py::still"
