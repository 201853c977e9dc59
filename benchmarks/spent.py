"""Run a command and learn what it took: CPU with all its children, wall time, and its own most memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# VmHWM and not ru_maxrss, which a process inherits from whoever started it
_LAUNCH = """
import atexit, pathlib, runpy, sys
place = pathlib.Path(sys.argv.pop(1))
status = pathlib.Path("/proc/self/status")
if status.exists():
    atexit.register(lambda: place.write_text(status.read_text().partition("VmHWM:")[2].split()[0]))
runpy.run_module("leakcheck", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a command took."""

    cpu_seconds: float
    """User and system time, its children's included."""
    wall_seconds: float
    output: str
    errors: str
    peak_bytes: int | None = None
    """The most that its own process, and none of its children, had resident; None where that was not asked."""


def spend(command: Sequence[str]) -> Spent:
    """Run a command from the project's folder to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        # not Popen.wait: only this tells what the process and its children used
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_seconds = time.perf_counter() - began
        texts = []
        for stream in (output, errors):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Spent(
        cpu_seconds=usage.ru_utime + usage.ru_stime, wall_seconds=wall_seconds, output=texts[0], errors=texts[1]
    )


def spend_leakcheck(arguments: Sequence[str], folder: Path) -> Spent:
    """Run `leakcheck` with these arguments; `folder` is for what is left behind."""
    place = folder / "peak"
    spent = spend([sys.executable, "-c", _LAUNCH, str(place), *arguments])
    if not place.is_file():
        return spent
    peak_bytes = 1024 * int(place.read_text(encoding="utf-8"))
    return Spent(
        cpu_seconds=spent.cpu_seconds,
        wall_seconds=spent.wall_seconds,
        output=spent.output,
        errors=spent.errors,
        peak_bytes=peak_bytes,
    )
