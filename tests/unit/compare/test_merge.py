"""Merging saved runs: their captures are copied, and a stranger's names cannot lead out of the folder."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from leakcheck.compare.merge import NotMergeable, merge
from leakcheck.model.errors import StoreError
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.storage import run_file
from leakcheck.storage.captures import copy_capture, open_capture
from tests.unit.runs import CLEAN, run_of


def save_run(folder: Path, *results: Result) -> Path:
    """Save a run, with a capture for each result that names one, and return its folder."""
    for result in results:
        if result.capture is not None:
            (folder / result.capture).parent.mkdir(parents=True, exist_ok=True)
            (folder / result.capture).write_text(f"{result.id} in {folder.name}")
    folder.mkdir(parents=True, exist_ok=True)
    run_file.save(run_of(*results), folder / run_file.DOCUMENT)
    return folder


def result_named(name: str, capture: str | None = None, target: str = "file.py") -> Result:
    return replace(CLEAN, scenario=name, variant=None, target=f"{target}::{name}", capture=capture)


def merged(tmp_path: Path, *places: Path) -> tuple[Run, Path]:
    run, folder = merge(places, output=tmp_path / "out", command=("leakcheck", "merge"))
    assert run_file.load(folder) == run
    return run, folder


def contents_of_captures(run: Run, folder: Path) -> dict[str, str | None]:
    return {
        result.target: None if result.capture is None else (folder / result.capture).read_text()
        for result in run.results
    }


def test_runs_are_found_by_folder_document_or_parent_folder(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    save_run(artifacts / "shard-1" / "reports" / "2026-11-24T10-12-07", result_named("a"))
    save_run(artifacts / "shard-2" / "reports" / "2026-11-24T10-12-08", result_named("b"))
    third = save_run(tmp_path / "third", result_named("c"))
    fourth = save_run(tmp_path / "fourth", result_named("d"))
    run, _ = merged(tmp_path, artifacts, third, fourth / run_file.DOCUMENT)
    assert [result.id for result in run.results] == ["a", "b", "c", "d"]


def test_a_run_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "runs" / "first", result_named("a"))
    run, _ = merged(tmp_path, folder, tmp_path / "runs", folder / run_file.DOCUMENT, tmp_path / "runs" / ".." / "runs")
    assert [result.id for result in run.results] == ["a"]


def test_the_error_of_a_failed_merge_names_every_reason_and_no_folder_is_left(tmp_path: Path) -> None:
    # GIVEN an empty folder, a missing one, an invalid document, and the same scenario in two runs
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / run_file.DOCUMENT).write_text("no")
    twins = [save_run(tmp_path / name, result_named("a")) for name in ("first", "second")]
    # WHEN they are merged
    with pytest.raises(NotMergeable) as caught:
        merge(
            [tmp_path / "empty", tmp_path / "nowhere", tmp_path / "broken", *twins],
            output=tmp_path / "out",
            command=(),
        )
    # THEN one error names all of them
    message = str(caught.value)
    assert "empty: contains no runs; pass the folder of a run, or one that contains such folders" in message
    assert "nowhere: no such file or folder" in message
    assert "run.json: not a run document" in message
    assert f"a was measured in {tmp_path}/first and in {tmp_path}/second" in message
    assert not (tmp_path / "out").exists()


def test_a_merged_run_that_cannot_be_saved_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(run: Run, path: Path) -> None:
        raise StoreError("no room")

    folder = save_run(tmp_path / "first", result_named("a", "captures/a.bin"))
    monkeypatch.setattr(run_file, "save", full)
    with pytest.raises(StoreError, match="no room"):
        merge([folder], output=tmp_path / "out", command=())
    assert list((tmp_path / "out").iterdir()) == []


def test_captures_are_copied_under_different_names(tmp_path: Path) -> None:
    # GIVEN two captures of the same name, a result without one, and one whose file is missing
    first = save_run(
        tmp_path / "first", result_named("a", "captures/a.bin"), result_named("b", "captures/b.bin"), result_named("c")
    )
    second = save_run(tmp_path / "second", result_named("a", "captures/a.bin", target="other.py"))
    (first / "captures" / "b.bin").unlink()
    # WHEN the runs are merged, and their captures deleted
    run, folder = merged(tmp_path, first, second)
    for source in (first, second):
        (source / "captures" / "a.bin").unlink()
    # THEN each result has its own copy
    assert contents_of_captures(run, folder) == {
        "file.py::a": "a in first",
        "file.py::b": None,
        "file.py::c": None,
        "other.py::a": "a in second",
    }
    assert {result.capture for result in run.results} == {"captures/a.bin", "captures/a-2.bin", None}


HOSTILE = ("../secret.txt", "/etc/hostname", "captures/../../secret.txt", "..", "", ".", "captures/\0", "/")


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\0" not in name])
def test_a_capture_outside_of_the_runs_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = save_run(tmp_path / "first", result_named("a"))
    run_file.save(run_of(replace(result_named("a"), capture=name)), folder / run_file.DOCUMENT)
    with pytest.raises(NotMergeable, match="is not in the run's folder"):
        merge([folder], output=tmp_path / "out", command=())
    assert not (tmp_path / "out").exists()


def make_link(folder: Path) -> None:
    (folder / "captures").mkdir()
    (folder / "captures" / "a.bin").symlink_to(folder.parent / "secret.txt")


def make_linked_folder(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "a.bin").write_text("secret")
    (folder / "captures").symlink_to(folder.parent / "elsewhere")


def make_pipe(folder: Path) -> None:
    (folder / "captures").mkdir()
    os.mkfifo(folder / "captures" / "a.bin")


def make_folder(folder: Path) -> None:
    (folder / "captures" / "a.bin").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_link, "leads through a link"),
        (make_linked_folder, "leads through a link"),
        (make_pipe, "is not a file"),
        (make_folder, "is not a file"),
    ],
)
def test_a_capture_that_is_no_regular_file_in_the_folder_is_refused(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = save_run(tmp_path / "first")
    run_file.save(run_of(result_named("a", "captures/a.bin")), folder / run_file.DOCUMENT)
    make(folder)
    with pytest.raises(NotMergeable, match=message):
        merge([folder], output=tmp_path / "out", command=())


def test_a_capture_is_copied_to_the_captures_folder_wherever_it_was(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "first", result_named("a", "deep/er/run.json"))
    (tmp_path / "out").mkdir()
    assert copy_capture(folder, "deep/er/run.json", tmp_path / "out") == "captures/run.json"


def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "first", result_named("a", "captures/deep/a.bin"))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open one itself
    for name in ("captures/deep/a.bin", "captures/none/a.bin", "captures/deep", "captures/deep/a.bin/b", *HOSTILE):
        try:
            capture = open_capture(folder, name)
        except StoreError:
            continue
        if capture is not None:
            capture.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
