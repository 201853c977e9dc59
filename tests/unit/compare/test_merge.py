"""Saved runs joined on the disk: their captures come along, and a stranger's names lead nowhere."""

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


def saved(folder: Path, *results: Result) -> Path:
    """Save a run with a capture for each result that names one."""
    for result in results:
        if result.capture is not None:
            (folder / result.capture).parent.mkdir(parents=True, exist_ok=True)
            (folder / result.capture).write_text(f"{result.id} in {folder.name}")
    folder.mkdir(parents=True, exist_ok=True)
    run_file.save(run_of(*results), folder / run_file.DOCUMENT)
    return folder


def scene(name: str, capture: str | None = None, target: str = "file.py") -> Result:
    return replace(CLEAN, scenario=name, variant=None, target=f"{target}::{name}", capture=capture)


def merged(tmp_path: Path, *places: Path) -> tuple[Run, Path]:
    done = merge(places, output=tmp_path / "out", command=("leakcheck", "merge"))
    assert run_file.load(done.folder) == done.run
    return done.run, done.folder


def captured(run: Run, folder: Path) -> dict[str, str | None]:
    return {
        result.target: None if result.capture is None else (folder / result.capture).read_text()
        for result in run.results
    }


# --- where the runs lie ---------------------------------------------------------------------------


def test_runs_are_found_by_their_folder_their_document_or_what_they_lie_in(tmp_path: Path) -> None:
    shelf = tmp_path / "artifacts"
    saved(shelf / "shard-1" / "reports" / "2026-11-24T10-12-07", scene("a"))
    saved(shelf / "shard-2" / "reports" / "2026-11-24T10-12-08", scene("b"))
    third = saved(tmp_path / "third", scene("c"))
    fourth = saved(tmp_path / "fourth", scene("d"))
    run, _ = merged(tmp_path, shelf, third, fourth / run_file.DOCUMENT)
    assert [result.id for result in run.results] == ["a", "b", "c", "d"]


def test_a_run_that_is_named_twice_is_one_run(tmp_path: Path) -> None:
    first = saved(tmp_path / "runs" / "first", scene("a"))
    run, _ = merged(tmp_path, first, tmp_path / "runs", first / run_file.DOCUMENT, tmp_path / "runs" / ".." / "runs")
    assert [result.id for result in run.results] == ["a"]


def test_what_cannot_be_joined_is_said_with_every_reason_and_leaves_no_folder(tmp_path: Path) -> None:
    # GIVEN a place that is empty, one that is not there, a document that is none, and one scenario twice
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / run_file.DOCUMENT).write_text("no")
    twins = [saved(tmp_path / name, scene("a")) for name in ("first", "second")]
    # WHEN they are joined
    with pytest.raises(NotMergeable) as caught:
        merge(
            [tmp_path / "empty", tmp_path / "nowhere", tmp_path / "broken", *twins],
            output=tmp_path / "out",
            command=(),
        )
    # THEN all of it is said at once
    said = str(caught.value)
    assert "empty holds no run; name a run's folder, or one that holds such folders" in said
    assert "nowhere: cannot be read (No such file or directory)" in said
    assert "run.json: is not a run document" in said
    assert f"a was measured in {tmp_path}/first and in {tmp_path}/second" in said
    assert not (tmp_path / "out").exists()


def test_a_joined_run_that_cannot_be_saved_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(run: Run, path: Path) -> None:
        raise StoreError("no room")

    place = saved(tmp_path / "first", scene("a", "captures/a.bin"))
    monkeypatch.setattr(run_file, "save", full)
    with pytest.raises(StoreError, match="no room"):
        merge([place], output=tmp_path / "out", command=())
    assert list((tmp_path / "out").iterdir()) == []


# --- captures -------------------------------------------------------------------------------------


def test_captures_come_along_under_names_of_their_own(tmp_path: Path) -> None:
    # GIVEN two captures of one name, one that nothing is known of, and one that was not kept
    first = saved(tmp_path / "first", scene("a", "captures/a.bin"), scene("b", "captures/b.bin"), scene("c"))
    second = saved(tmp_path / "second", scene("a", "captures/a.bin", target="other.py"))
    (first / "captures" / "b.bin").unlink()
    # WHEN the runs are joined, and thrown away
    run, folder = merged(tmp_path, first, second)
    for place in (first, second):
        (place / "captures" / "a.bin").unlink()
    # THEN each result has its own
    assert captured(run, folder) == {
        "file.py::a": "a in first",
        "file.py::b": None,
        "file.py::c": None,
        "other.py::a": "a in second",
    }
    assert {result.capture for result in run.results} == {"captures/a.bin", "captures/a-2.bin", None}


HOSTILE = ("../secret.txt", "/etc/hostname", "captures/../../secret.txt", "..", "", ".", "captures/\0", "/")


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\0" not in name])
def test_a_capture_that_does_not_lie_in_the_runs_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    place = saved(tmp_path / "first", scene("a"))
    run_file.save(run_of(replace(scene("a"), capture=name)), place / run_file.DOCUMENT)
    with pytest.raises(NotMergeable, match="does not lie in the run's folder"):
        merge([place], output=tmp_path / "out", command=())
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
    ("make", "says"),
    [
        (make_link, "leads through a link"),
        (make_linked_folder, "leads through a link"),
        (make_pipe, "is not a file"),
        (make_folder, "is not a file"),
    ],
)
def test_a_capture_that_is_no_file_of_the_runs_own_is_refused(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    place = saved(tmp_path / "first")
    run_file.save(run_of(scene("a", "captures/a.bin")), place / run_file.DOCUMENT)
    make(place)
    with pytest.raises(NotMergeable, match=says):
        merge([place], output=tmp_path / "out", command=())


def test_a_capture_lands_in_the_folder_of_captures_wherever_it_lay(tmp_path: Path) -> None:
    place = saved(tmp_path / "first", scene("a", "deep/er/run.json"))
    (tmp_path / "out").mkdir()
    assert copy_capture(place, "deep/er/run.json", tmp_path / "out") == "captures/run.json"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    place = saved(tmp_path / "first", scene("a", "captures/deep/a.bin"))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open one itself
    for name in ("captures/deep/a.bin", "captures/none/a.bin", "captures/deep", "captures/deep/a.bin/b", *HOSTILE):
        try:
            capture = open_capture(place, name)
        except StoreError:
            continue
        if capture is not None:
            capture.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
