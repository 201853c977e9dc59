"""The reports that CI reads, as gold files: JUnit XML, Markdown, GitHub annotations, GitLab's code quality.

Where one is meant to change, `LEAKCHECK_GOLD=write pytest tests/unit/reporters/test_gold.py` writes it anew.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from leakcheck.model.run import Run
from leakcheck.reporters.github import annotations
from leakcheck.reporters.gitlab import gitlab
from leakcheck.reporters.junit import junit
from leakcheck.reporters.locations import Workspace
from leakcheck.reporters.markdown import markdown
from tests.unit.reported import RUNS

GOLD = Path(__file__).parents[1] / "gold" / "outputs"
WORKSPACE = Workspace(root="/work", base_folder="/work")


def only(documents: "list[tuple[str, bytes]]") -> bytes:
    [(_, data)] = documents
    return data


FORMATS: dict[str, Callable[[Run], bytes]] = {
    "junit.xml": lambda run: only([*junit(run, hostname="runner-1")]),
    "md": lambda run: only([*markdown(run)]),
    "gitlab.json": lambda run: only([*gitlab(run, WORKSPACE)]),
    "annotations.txt": lambda run: "".join(f"{line}\n" for line in annotations(run, WORKSPACE)).encode(),
}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", RUNS)
def test_a_report_matches_its_gold_file(name: str, suffix: str) -> None:
    gold = GOLD / f"{name}.{suffix}"
    shown = FORMATS[suffix](RUNS[name])
    if os.environ.get("LEAKCHECK_GOLD") == "write":
        gold.write_bytes(shown)
    assert shown.decode() == gold.read_bytes().decode()


def test_the_gold_files_are_the_reports_and_no_others() -> None:
    assert {path.name for path in GOLD.iterdir()} == {f"{name}.{suffix}" for name in RUNS for suffix in FORMATS}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_report_is_the_same_twice(suffix: str) -> None:
    for run in RUNS.values():
        assert FORMATS[suffix](run) == FORMATS[suffix](run)
