"""A small project with tests of its own, and pytest as its user runs it."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from leakcheck.model.result import Result
from leakcheck.storage import run_file

LEAK = "HEAD = None\n\ndef leak():\n    global HEAD\n    HEAD = [HEAD, bytearray(1000)]\n"
"""One object of 1000 bytes and one list a call, and nothing whose size depends on how many there are."""

LEAK_BYTES_PER_CALL = 1168
_INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestRun:
    """The outcome of a run of pytest."""

    code: int
    text: str
    outcomes: Mapping[str, int]
    results: Mapping[str, Result]
    """By id; empty if nothing was measured."""

    @property
    def result(self) -> Result:
        """Return the one result."""
        (result,) = self.results.values()
        return result


class Project:
    """Files, and pytest over them."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.folder: Path = pytester.path
        self._json = self.folder / "run-document.json"
        self.ini()

    def ini(self, *lines: str) -> None:
        """Write pytest.ini."""
        self.write("pytest.ini", _INI + "\n".join(lines) + "\n")

    def write(self, name: str, source: str, *, before: str = "") -> Path:
        """Write a file; `before` stands above the source, and has its own indentation."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + "\n" * bool(before) + textwrap.dedent(source).lstrip(), encoding="utf-8")
        return path

    def run(self, *arguments: str, explain: bool = False) -> PytestRun:
        """Run pytest, without explanations unless they are wanted, and read the document that it wrote."""
        self._json.unlink(missing_ok=True)
        result = self._pytester.runpytest_subprocess(
            "-p",
            "no:cacheprovider",
            f"--leakcheck-json={self._json.name}",
            *([] if explain else ["--leakcheck-explain=never"]),
            *arguments,
            timeout=240,
        )
        results = run_file.load(self._json).results if self._json.exists() else ()
        try:
            outcomes = result.parseoutcomes()
        except ValueError:
            outcomes = {}  # no test was run
        outcomes.pop("warnings", None)
        return PytestRun(
            code=int(result.ret),
            text=f"{result.stdout}\n{result.stderr}",
            outcomes=outcomes,
            results={result.id: result for result in results},
        )
