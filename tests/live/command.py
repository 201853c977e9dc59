"""The real command, run as a user runs it: in a process of its own, in a folder of its own."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from leakcheck.model.answers import Readings
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.storage import run_file

LONGEST_SECONDS = 120.0
"""No run here takes a tenth of this; it only keeps a hanging one from hanging the tests."""

_WIDE_ENOUGH = "220"
MARK = "LEAKCHECK_TEST_FOLDER"
"""What is started here carries this, with its folder, so that a test finds what it left running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command as it came out, and the document that it wrote, if it wrote one."""

    code: int
    output: str
    errors: str
    documents: tuple[Run, ...]
    """What `--json` wrote, or else the run.json of each folder that was made."""

    @property
    def document(self) -> Run:
        """Return the one document."""
        assert len(self.documents) == 1, self.errors
        return self.documents[0]

    @property
    def result(self) -> Result:
        """Return the one result."""
        (result,) = self.document.results
        return result

    def __getitem__(self, name: str) -> Result:
        by_id = {result.id: result for result in self.document.results}
        assert name in by_id, f"{name} is not in {list(by_id)}; stderr: {self.errors}"
        return by_id[name]


def _listening(before: Callable[[], None] | None) -> None:
    """Prepare the command's process: it hears Ctrl-C and a closed terminal, also where the tests run under nohup."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if before is not None:
        before()


class Leakcheck:
    """`python -m leakcheck` in an empty folder, and the files that a user has there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "out"
        self._json = folder / "run-document.json"
        self._started: list[subprocess.Popen[str]] = []

    def write(self, name: str, source: str) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source).lstrip(), encoding="utf-8")
        return path

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> "subprocess.Popen[str]":
        """Start a command in a session of its own, so that a signal to it reaches nobody else."""
        process = subprocess.Popen(
            [sys.executable, "-m", "leakcheck", *arguments],
            cwd=self.folder,
            env={**bare_environment(), **(environment or {}), MARK: str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(_listening, before),
        )
        self._started.append(process)
        return process

    def finish(self, process: "subprocess.Popen[str]") -> Ran:
        """Wait for a command and return how it came out, with all documents in the output folder."""
        try:
            output, errors = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        saved = [self._json] if self._json.exists() else sorted(self.output.glob("*/run.json"))
        return Ran(
            code=process.returncode,
            output=output,
            errors=errors,
            documents=tuple(run_file.load(path) for path in saved),
        )

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
        """Run `leakcheck run …` to its end, bare: for more name `--peak-pass`, `--explain=auto`, `--report`."""
        return self.finish(
            self.start(
                "run",
                "--no-peak",
                "--explain=never",
                "--no-report",
                f"--output={self.output}",
                f"--json={self._json}",
                *arguments,
                environment=environment,
            )
        )

    def check(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
        """Run `leakcheck check …` to its end, with the peak and without an explanation."""
        self._json.unlink(missing_ok=True)
        said = ("--explain=never", f"--output={self.output}", f"--json={self._json}")
        return self.finish(self.start("check", *said, *arguments, environment=environment))

    def baseline(self, verb: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
        """Run `leakcheck baseline VERB …` to its end; the documents are those of all runs so far."""
        self._json.unlink(missing_ok=True)
        said = {"update": ["--explain=never", f"--output={self.output}"], "diff": [f"--output={self.output}"]}
        return self.finish(self.start("baseline", verb, *said.get(verb, ()), *arguments, environment=environment))

    def close(self) -> None:
        """End the commands that a failing test did not wait for."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                process.communicate()

    def processes_left(self, *, seconds: float = 5.0) -> list[str]:
        """Return the command lines of what our commands started and left running, after waiting so long for it."""
        return processes_left(self.folder, seconds=seconds)


def processes_left(folder: Path, *, seconds: float = 5.0) -> list[str]:
    """Return the command lines of what was started for a folder and still runs, after waiting so long for it."""
    end = time.monotonic() + seconds
    while (left := _running(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def _running(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def after(readings: Readings, call: int) -> Readings:
    """Return the readings taken after a call."""
    first = next(row for row, calls in enumerate(readings.calls) if calls >= call)
    counts = {kind: column[first:] for kind, column in readings.counts.items()}
    memory: Any = {name: column[first:] for name, column in readings.columns.items() if name not in counts}
    return Readings(**memory, counts=counts)


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that waits to be buried does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def bare_environment() -> dict[str, str]:
    """Return our environment without the settings of whoever runs the tests."""
    others = ("LEAKCHECK_", "PYTHON", "GITHUB_", "CI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, "COLUMNS": _WIDE_ENOUGH, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
