"""Run `leakcheck` and learn the most memory that its own process, and none of its children, had resident."""

import sys
from collections.abc import Sequence
from pathlib import Path

from running import ROOT, Ran, run

# VmHWM and not ru_maxrss, which a process inherits from whoever started it
_LAUNCH = """
import atexit, pathlib, runpy, sys
place = pathlib.Path(sys.argv.pop(1))
status = pathlib.Path("/proc/self/status")
if status.exists():
    atexit.register(lambda: place.write_text(status.read_text().partition("VmHWM:")[2].split()[0]))
runpy.run_module("leakcheck", run_name="__main__", alter_sys=True)
"""


def run_leakcheck(arguments: Sequence[str], folder: Path, *, timeout_seconds: float) -> tuple[Ran, int | None]:
    """Run `leakcheck` from the project's folder; return how it went, and its most bytes where the system tells them.

    `folder` is for what is left behind.
    """
    place = folder / "peak"
    command = [sys.executable, "-c", _LAUNCH, str(place), *arguments]
    ran = run(command, folder=ROOT, environment={}, timeout_seconds=timeout_seconds)
    return ran, 1024 * int(place.read_text(encoding="utf-8")) if place.is_file() else None
