"""The history: the same entries whatever state the index is in."""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from leakcheck.model.plain_text import escape_control
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.storage import run_file
from leakcheck.storage.history import History, find_documents, load_history
from tests.unit.runs import BROKEN, CLEAN, ENVIRONMENT, LEAK, MIB, NAIVE, run_of


class Folder:
    """A folder of runs with its index; notes which documents were read."""

    def __init__(self, path: Path) -> None:
        self.runs = path / "runs"
        self.index = path / ".leakcheck" / "history.sqlite"
        self.read: list[str] = []

    def save(self, name: str, run: Run | bytes, started: str = "2026-11-24T10:12:07+00:00") -> Path:
        """Write a run document."""
        document = self.runs / name / run_file.DOCUMENT
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_bytes(run if isinstance(run, bytes) else run_file.encode(replace(run, started=started)))
        return document

    def gather(self, *, rebuild: bool = False) -> History:
        """Gather all entries, and note which documents had to be read."""
        self.read = []
        return load_history(self.index, find_documents(self.runs, run_file.DOCUMENT), self._load, rebuild=rebuild)

    def _load(self, path: Path) -> Run:
        self.read.append(path.parent.name)
        return run_file.load(path)


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
    assert leak.growth_bytes_per_1000_calls == 144 * MIB
    assert leak.peak_bytes == LEAK.peak_bytes
    assert leak.p50_seconds == 1.9
    assert (leak.git_commit, leak.git_dirty) == (ENVIRONMENT.git_commit, True)
    assert clean.options == "rows=200, peak.rows=100000"
    assert clean.environment == ENVIRONMENT.key == "cpython-3.11-linux-x86_64-pymalloc"


def test_a_document_is_read_once_until_it_changes(folder: Folder) -> None:
    history = folder.gather()
    assert folder.read == ["a", "b"]
    assert folder.gather() == history
    assert folder.read == []
    document = folder.save("b", run_of(NAIVE, CLEAN), "2026-11-24T11:00:00+00:00")
    os.utime(document, ns=(1, 1))
    assert len(folder.gather().records) == 4
    assert folder.read == ["b"]


def test_a_run_in_a_folder_whose_name_is_not_utf_8_is_included(tmp_path: Path) -> None:
    folder = Folder(tmp_path / os.fsdecode(b"caf\xe9"))
    folder.save("a", run_of(CLEAN))
    for _ in range(2):
        [record] = folder.gather().records
        assert "caf\\udce9" in record.document
    assert folder.read == []


def test_a_deleted_run_is_removed_from_the_index(folder: Folder) -> None:
    folder.gather()
    (folder.runs / "a" / run_file.DOCUMENT).unlink()
    assert names(folder.gather()) == [NAIVE.id]
    with sqlite3.connect(folder.index) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (1,)
    connection.close()


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
    for _ in range(2):  # the second time from the index
        history = folder.gather()
        assert names(history) == [CLEAN.id, LEAK.id, NAIVE.id]
        assert [text for text in history.skipped if "broken" in text and "not a run document" in text]
        assert [text for text in history.skipped if "timeless" in text and "'yesterday'" in text]
        assert len(history.skipped) == 3


def test_names_with_quotes_and_sql_are_stored_as_text(folder: Folder) -> None:
    name = "'); DROP TABLE records; --\x1b[31m\u202e"
    folder.save("c", run_of(replace(CLEAN, scenario=name, peak_bytes=2**63)))
    [record] = [record for record in folder.gather().records if escape_control(name) in record.scenario]
    assert record.peak_bytes == 2**63 - 1
    assert len(folder.gather().records) == 4


def break_text(index: Path) -> None:
    index.write_text("not a database")


def break_end(index: Path) -> None:
    data = index.read_bytes()
    index.write_bytes(data[: len(data) // 2])


def break_tables(index: Path) -> None:
    change(index, "DROP TABLE records")


def break_verdict(index: Path) -> None:
    change(index, "UPDATE records SET verdict = 'splendid'")


def break_numbers(index: Path) -> None:
    change(index, "UPDATE records SET started_seconds = 'soon'")


def break_texts(index: Path) -> None:
    change(index, "UPDATE records SET scenario = x'00'")


def change(index: Path, statement: str) -> None:
    with sqlite3.connect(index) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "break_it",
    [break_text, break_end, break_tables, break_verdict, break_numbers, break_texts],
    ids=lambda function: function.__name__,
)
def test_a_broken_index_is_rebuilt_with_a_notice(folder: Folder, break_it: object) -> None:
    before = folder.gather()
    assert callable(break_it)
    break_it(folder.index)
    history = folder.gather()
    assert history.records == before.records
    assert folder.read[-2:] == ["a", "b"]
    [notice] = history.notices
    assert "was broken, and is rebuilt" in notice
    assert folder.gather() == before


def test_an_index_of_another_version_is_rebuilt_without_a_notice(folder: Folder) -> None:
    before = folder.gather()
    change(folder.index, "PRAGMA user_version = 99")
    assert folder.gather() == before
    assert folder.read == ["a", "b"]


def test_a_deleted_index_is_rebuilt(folder: Folder) -> None:
    before = folder.gather()
    folder.index.unlink()
    assert folder.gather() == before
    assert folder.gather(rebuild=True) == before
    assert folder.read == ["a", "b"]


def test_if_no_index_can_be_written_one_is_built_in_memory(folder: Folder) -> None:
    folder.index.parent.write_text("a file where the folder should be")
    history = folder.gather()
    assert len(history.records) == 3
    [notice] = history.notices
    assert "cannot be written, and is ignored" in notice


def test_an_index_in_use_is_left_alone(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder.gather()
    folder.save("c", run_of(CLEAN))
    connect = sqlite3.connect
    monkeypatch.setattr("leakcheck.storage.history.sqlite3.connect", lambda name: connect(name, timeout=0))
    locking = connect(folder.index)
    locking.execute("BEGIN EXCLUSIVE")
    history = folder.gather()
    locking.rollback()
    locking.close()
    assert len(history.records) == 4
    assert "cannot be used now" in history.notices[0]
    assert len(folder.gather().records) == len(before.records) + 1
    assert folder.read == ["c"]
