"""Run a command and learn what it and all its children cost; and leakcheck's own command among them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command went."""

    exit_code: int
    """Negative where a signal ended it."""
    timed_out: bool
    output: str
    errors: str
    cpu_seconds: float
    """User and system time of the process and of every child that was waited for."""
    wall_seconds: float

    @property
    def last_words(self) -> str:
        """The last line that it wrote, to stderr if it wrote anything there."""
        return ((self.errors.strip() or self.output.strip()).splitlines() or [""])[-1].strip()


def run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_seconds: float) -> Ran:
    """Run a command with these variables beside the inherited ones; when it takes too long its group is killed."""
    variables = {**_inherited(), **environment}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,  # so that what it started can be ended with it
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout_seconds, end)
        timer.start()
        try:
            # not Popen.wait: only this tells what the process and its children used
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        wall_seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has left behind would run beside the next command
        return Ran(
            exit_code=process.returncode,
            timed_out=late.is_set(),
            output=_text(output),
            errors=_text(errors),
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            wall_seconds=wall_seconds,
        )


def run_leakcheck(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_seconds: float
) -> tuple[list[dict[str, Any]], str, Ran]:
    """Run `leakcheck run` without its peak pass and its page.

    Returns its document's results, what it complained of, and its cost.
    """
    with tempfile.TemporaryDirectory(prefix="accuracy-") as place:
        document = Path(place) / "run.json"
        command = [sys.executable, "-m", "leakcheck", "run", *arguments, "--no-peak", "--no-report"]
        command += ["--json", str(document), "--output", str(Path(place) / "reports")]
        ran = run(command, folder=folder, environment=environment, timeout_seconds=timeout_seconds)
        complaint = (ran.errors.strip().splitlines() or [""])[-1]
        if ran.timed_out:
            return [], f"ran past {timeout_seconds:.0f} s", ran
        if not document.is_file():
            return [], complaint or f"exit code {ran.exit_code}, no document", ran
        return list(json.loads(document.read_text(encoding="utf-8"))["results"]), complaint, ran


def _inherited() -> dict[str, str]:
    variables = dict(os.environ)
    if paths := variables.get("PYTHONPATH"):
        # the command's current folder is another one
        variables["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in paths.split(os.pathsep))
    return variables


def _text(stream: Any) -> str:
    stream.seek(0)
    return str(stream.read().decode("utf-8", "replace"))
