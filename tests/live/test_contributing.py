"""CONTRIBUTING.md is true: what it says is to be added is added to a copy of the project, and then works there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.live.command import bare_environment

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?P<kind>python|json)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"# (?P<file>\S+?)(?:, (?P<where>at the end|above: |below: )(?P<line>.*))?")
SHELVES = """
import sys
from itertools import count
from types import ModuleType

from leakcheck import scenario


class Shelf:
    def __init__(self):
        self._books, self._room = [], 1_000_000


SHELF = Shelf()
KEPT, NUMBERS = [], count()


@scenario
def imported():
    name = f"made_{next(NUMBERS)}"
    sys.modules[name] = ModuleType(name)


@scenario
def shelved():
    SHELF._books.append(bytes(1000))


@scenario
def listed():
    KEPT.append(bytes(1000))
"""


def apply(project: Path) -> list[str]:
    """Do what the text says, block by block, and return the files that were changed."""
    changed = []
    for block in BLOCK.finditer(TEXT):
        if block["kind"] == "json":
            path = project / "scenarios" / "gallery" / "truth.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), **json.loads(block["text"])}))
        else:
            head, _, added = block["text"].partition("\n")
            place = PLACE.fullmatch(head)
            assert place is not None, head
            path = project / place["file"]
            path.write_text(put_in(path, added, place["where"], place["line"]))
        changed.append(path.relative_to(project).as_posix())
    return changed


def put_in(path: Path, added: str, where: str | None, line: str) -> str:
    """Return a file's text with the block in it, at the one place that has such a line."""
    if where is None:
        assert not path.exists(), f"{path.name} is to be a new file"
        return added
    text = path.read_text(encoding="utf-8")
    if where == "at the end":
        return f"{text}\n\n{added}"
    assert f"\n{text}".count(f"\n{line}\n") == 1, f"{path.name} has no such line, or several: {line}"
    return text.replace(f"{line}\n", f"{added}{line}\n" if where == "above: " else f"{line}\n{added}")


def leakcheck_in(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "leakcheck", *arguments],
        cwd=project,
        env={**bare_environment(), "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_what_the_text_adds_works_in_a_copy(tmp_path: Path) -> None:
    # GIVEN a copy of the project, with all that CONTRIBUTING.md adds
    for name in ("leakcheck", "scenarios"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert len(set(apply(tmp_path))) == 8
    (tmp_path / "shelves.py").write_text(SHELVES)
    # WHEN the new case, what the new meter counts, a container with the new limit and one that the new advice is for
    # are measured
    command = ["run", "scenarios/gallery/containers.py::log_of_visits", "shelves.py", "--no-peak", "--no-report"]
    done = leakcheck_in(tmp_path, *command, "--words", "-", "--json", "run.json")
    # THEN the new reporter tells it, on standard output
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == [
        *("log_of_visits leak over", "imported leak over", "shelved bounded within", "listed leak over")
    ]
    # AND the meter, here and in the doctor
    assert "imported: loaded modules rise by 1,000 per 1000 calls" in done.stderr
    assert "(made_[*]" in done.stderr
    assert "loaded modules" in leakcheck_in(tmp_path, "doctor").stdout
    # AND the limit, and the advice
    assert "SHELF" in done.stderr
    assert "1,000,000" in done.stderr
    assert "advice: a list is only ever added to; give it a length" in done.stderr
    # AND the case is what its truth says
    truth = json.loads((tmp_path / "scenarios" / "gallery" / "truth.json").read_text())["log_of_visits"]
    results = json.loads((tmp_path / "run.json").read_text())["results"]
    (visits,) = [one for one in results if one["scenario"] == "log_of_visits"]
    rate = visits["growth"]["bytes_per_1000_calls"] / 1000
    assert truth["bytes_per_call"]["low"] <= rate <= truth["bytes_per_call"]["high"]
    assert truth["holder"] in visits["explanation"]["containers"][0]["name"]
