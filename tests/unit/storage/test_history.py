"""The history: an entry for each result of every document that can be read."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import get_type_hints

import pytest

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.storage import run_file
from leakcheck.storage.history import History, ResultFigures, RunFigures, find_documents, load_history
from tests.unit.runs import BROKEN, CLEAN, ENVIRONMENT, LEAK, MIB, NAIVE, run_of

OLD_RUN = Path(__file__).parents[1] / "gold" / "run-1.json"


class Folder:
    """A folder of runs."""

    def __init__(self, path: Path) -> None:
        self.runs = path / "runs"

    def save(self, name: str, run: Run | bytes, started: str = "2026-11-24T10:12:07+00:00") -> Path:
        """Write a run document."""
        document = self.runs / name / run_file.DOCUMENT
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_bytes(run if isinstance(run, bytes) else run_file.encode(replace(run, started=started)))
        return document

    def gather(self) -> History:
        return load_history(find_documents(self.runs))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    result = Folder(tmp_path)
    result.save("a", run_of(CLEAN, LEAK))
    result.save("b", run_of(NAIVE), "2026-11-24T11:00:00+00:00")
    return result


def names(history: History) -> Sequence[str]:
    return [record.scenario for record in history.records]


def test_runs_of_the_same_second_are_in_the_order_in_which_they_started(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    run_names = [run_file.make_run_folder(folder.runs, datetime(2026, 11, 24, 10, 12, 7)).name for _ in range(12)]
    for name in reversed(run_names):
        folder.save(name, run_of(CLEAN))
    assert [Path(record.document).parent.name for record in folder.gather().records] == run_names


def test_an_entry_has_the_values_of_its_document(folder: Folder) -> None:
    clean, leak, naive = folder.gather().records
    assert (clean.scenario, leak.scenario, naive.scenario) == (CLEAN.id, LEAK.id, NAIVE.id)
    assert (leak.verdict, leak.gate) == (Verdict.LEAK, Gate.OVER)
    assert leak.growth is not None
    assert leak.growth.value == 144 * MIB
    assert leak.peak_bytes == LEAK.peak_bytes
    assert leak.p50_seconds == 1.9
    assert (leak.git_commit, leak.git_dirty) == (ENVIRONMENT.git_commit, True)
    assert clean.options == "rows=200, peak.rows=100000"
    assert clean.environment == ENVIRONMENT.key == "cpython-3.11-linux-x86_64-pymalloc"


@pytest.mark.parametrize(("slim", "whole"), [(RunFigures, Run), (ResultFigures, Result)])
def test_the_fields_that_are_read_are_those_of_the_document(slim: type, whole: type) -> None:
    types = get_type_hints(whole, include_extras=True)
    read = get_type_hints(slim, include_extras=True)
    assert read.pop("results", None) in (None, tuple[ResultFigures, ...])
    assert read == {name: types[name] for name in read}


def test_a_run_of_an_older_version_is_read(folder: Folder) -> None:
    folder.save("c", OLD_RUN.read_bytes())
    assert len(folder.gather().records) > 3
    assert folder.gather().skipped == ()


def test_a_run_in_a_folder_whose_name_is_not_utf_8_is_included(tmp_path: Path) -> None:
    folder = Folder(tmp_path / os.fsdecode(b"caf\xe9"))
    folder.save("a", run_of(CLEAN))
    [record] = folder.gather().records
    assert "caf\\udce9" in record.document


def test_runs_are_sorted_by_start_across_time_zones(folder: Folder) -> None:
    """GIVEN a run that started at a later local hour, but earlier in UTC THEN it comes first."""
    folder.save("c", run_of(BROKEN), "2026-11-24T12:00:00+09:00")
    assert names(folder.gather())[0] == BROKEN.id


def test_the_runs_of_a_comparison_are_left_out(folder: Folder) -> None:
    folder.save("compared/runs/x", run_of(BROKEN))
    assert BROKEN.id not in names(folder.gather())


def test_unreadable_documents_are_reported_and_the_others_are_included(folder: Folder) -> None:
    folder.save("broken", b"{")
    for name, started in (("timeless", "yesterday"), ("before_time", "0001-01-01T00:00:00")):
        folder.save(name, run_file.encode(run_of(CLEAN)).replace(b"2026-11-24T10:12:07+00:00", started.encode()))
    history = folder.gather()
    assert names(history) == [CLEAN.id, LEAK.id, NAIVE.id]
    assert [text for text in history.skipped if "broken" in text and "not a run document" in text]
    assert [text for text in history.skipped if "timeless" in text and "'yesterday'" in text]
    assert len(history.skipped) == 3


@pytest.mark.parametrize(
    ("valid", "invalid"),
    [
        (b'"git_commit":"', b'"git_commit":"\\u001b[2J'),
        (b'"high":', b'"high":1e40,"other":'),
        (b'"peak_bytes":', b'"peak_bytes":"="'),
        (b'"verdict":"', b'"verdict":"splendid'),
    ],
)
def test_an_invalid_value_of_a_field_that_is_read_costs_its_run(folder: Folder, valid: bytes, invalid: bytes) -> None:
    document = run_file.encode(run_of(LEAK))
    assert valid in document
    folder.save("c", document.replace(valid, invalid))
    assert names(folder.gather()) == [CLEAN.id, LEAK.id, NAIVE.id]
    assert len(folder.gather().skipped) == 1


def test_control_characters_of_a_name_are_escaped(folder: Folder) -> None:
    name = "news\x1b[31m\u202e"
    folder.save("c", run_file.encode(run_of(CLEAN)).replace(b'"scenario":"', b'"scenario":"news\\u001b[31m\\u202e'))
    assert [record for record in folder.gather().records if record.scenario.startswith(escape_control(name))]
