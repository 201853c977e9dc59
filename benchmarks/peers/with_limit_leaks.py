"""pytest-memray's `limit_leaks`: the function in a loop of a hundred, as its documentation shows it."""

import linecache
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.words import Answered, Peer, Said, Verdict

CALLS, LIMIT = 100, "50 KB"
"""Of the limits from 1 KB to 1 MB that were tried, the one that is right most often on the gallery and the corpus."""

FRAMES = 25
"""Five is the default, and where the interpreter has symbols those are the interpreter's own C functions."""

DOCUMENTED_LIMIT_BYTES = 1024**2

TEST = """\
import pytest

from peers.bodies import body

function = body()


@pytest.mark.limit_leaks("{limit}")
def test_function():
    for _ in range({calls}):
        function()
"""
_STACK = re.compile(r"^\s*- ([\d.]+)([KMGTP]?i?B) allocated here:$")
_FRAME = re.compile(r"^\s+.*?:(\S.*):(\d+)$")
_UNITS = {unit: 1024**power for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack as the plugin prints it."""

    size_bytes: float
    frames: tuple[tuple[str, int], ...]
    """Files and lines, the newest first."""


def stacks(output: str) -> list[Stack]:
    """Return the stacks of "List of leaked allocations", in the order that they are printed."""
    found: list[Stack] = []
    for line in output.partition("List of leaked allocations:")[2].splitlines():
        if head := _STACK.match(line):
            found.append(Stack(size_bytes=float(head[1]) * _UNITS[head[2]], frames=()))
        elif found and (frame := _FRAME.match(line)):
            last = found[-1]
            found[-1] = Stack(size_bytes=last.size_bytes, frames=(*last.frames, (frame[1], int(frame[2]))))
        elif found and line.strip() not in ("", "..."):
            break
    return found


def read(ran: Answered, facts: Mapping[str, Any], factor: int) -> Said:
    """Return what its test said: passed, or the stacks that leaked more than the limit."""
    calls = facts.get("calls")
    if "Test was allowed to leak" not in ran.output:
        if ran.exit_code == 0 and " passed" in ran.output:
            return Said(verdict=Verdict.CLEAN, calls=calls, shown=())
        return Said(verdict=Verdict.NONE, detail=ran.last_words)
    found = stacks(ran.output)
    most = max((stack.size_bytes for stack in found), default=0.0)
    lines = tuple(linecache.getline(file, line).strip() for stack in found[:1] for file, line in stack.frames)
    return Said(
        verdict=Verdict.LEAK,
        calls=calls,
        shown=lines,
        detail=f"{len(found)} stacks, the largest {most:,.0f} B",
        facts={"largest_stack_bytes": most, "over_documented_limit": most >= DOCUMENTED_LIMIT_BYTES},
    )


def arguments(folder: Path, factor: int) -> list[str]:
    """Write the test file as the documentation shows it, and return pytest's arguments."""
    file = folder / "test_leaks.py"
    file.write_text(TEST.format(limit=LIMIT, calls=CALLS * factor), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return [str(file), "--memray", f"--stacks={FRAMES}"]


PEER = Peer(
    name="limit_leaks",
    packages=("pytest-memray", "pytest"),
    settings=f'`@pytest.mark.limit_leaks("{LIMIT}")` over a loop of {CALLS} calls, `python -m pytest --memray`; the '
    "documentation's example says 1 MB, which no leak of less than 10 KiB a call reaches in 100 calls",
    rule=f"leak when the test fails: one stack holds {LIMIT} or more that was not freed when the test ended",
    source="https://pytest-memray.readthedocs.io/en/latest/usage.html",
    module="pytest",
    arguments=arguments,
    read=read,
)
