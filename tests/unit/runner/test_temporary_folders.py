"""Temporary folders: a live owner's is kept, a killed owner's is removed by the next run, no other is touched."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from leakcheck.runner.process_tree import LEFT_RUNNING, MARK
from leakcheck.runner.temporary_folders import TemporaryFolder, remove_leftovers, temporary_folder

KILLED_PROGRAM = """
import os, signal
from leakcheck.runner.temporary_folders import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "capture").mkdir()
(folder.path / "capture" / "window").write_text("bytes")
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary folders, for this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def left_by_a_killed_run() -> Path:
    process = subprocess.run([sys.executable, "-c", KILLED_PROGRAM], capture_output=True, text=True, check=False)
    assert process.returncode == -signal.SIGKILL
    return Path(process.stdout.strip())


def test_a_folder_lasts_as_long_as_the_block_that_made_it(parent: Path) -> None:
    with temporary_folder() as folder:
        assert folder.parent == parent
        assert folder.stat().st_mode & 0o077 == 0
        remove_leftovers()
        assert folder.is_dir()
    assert list(parent.iterdir()) == []


def test_the_folder_of_a_run_that_was_killed_is_removed_by_the_next_run(parent: Path) -> None:
    folder = left_by_a_killed_run()
    assert (folder / "capture" / "window").exists()
    remove_leftovers()
    assert list(parent.iterdir()) == []


def test_descendants_of_a_killed_run_are_ended_by_the_next_run() -> None:
    folder = left_by_a_killed_run()
    sleep = [sys.executable, "-S", "-c", "import time; print(1, flush=True); time.sleep(3600)"]
    left_running = {**os.environ, MARK: str(folder), LEFT_RUNNING: "1"}
    with (
        subprocess.Popen(sleep, env={**os.environ, MARK: str(folder)}, stdout=subprocess.PIPE) as ours,
        subprocess.Popen(sleep, env={**os.environ, MARK: f"{folder}x"}, stdout=subprocess.PIPE) as other,
        subprocess.Popen(sleep, env=left_running, stdout=subprocess.PIPE) as left,
    ):
        try:
            for process in (ours, other, left):
                assert process.stdout is not None
                process.stdout.readline()  # it runs its own program, so its environment can be read
            remove_leftovers()
            assert ours.wait(30) == -signal.SIGKILL
            assert (other.poll(), left.poll()) == (None, None)
        finally:
            for process in (ours, other, left):
                process.kill()


def test_folders_that_leakcheck_did_not_make_stay(parent: Path) -> None:
    # GIVEN a user's folders with our prefix, without a lock and with a wrong one, and a link to an abandoned folder
    (parent / "leakcheck-reports").mkdir()
    (parent / "leakcheck-fifo").mkdir()
    os.mkfifo(parent / "leakcheck-fifo" / ".leakcheck-owner")
    (parent / "leakcheck-linked").mkdir()
    (parent / "outside").write_text("")
    (parent / "leakcheck-linked" / ".leakcheck-owner").symlink_to(parent / "outside")
    left = left_by_a_killed_run()
    moved = left.rename(parent / "elsewhere")
    (parent / "leakcheck-link").symlink_to(moved)
    # WHEN leftovers are removed THEN all of it stays
    remove_leftovers()
    assert sorted(path.name for path in parent.iterdir()) == [
        "elsewhere",
        "leakcheck-fifo",
        "leakcheck-link",
        "leakcheck-linked",
        "leakcheck-reports",
        "outside",
    ]
    assert (moved / "capture" / "window").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_another_users_folder_stays() -> None:
    folder = left_by_a_killed_run()
    os.chown(folder, 65534, 65534)
    remove_leftovers()
    assert folder.is_dir()


def test_a_path_too_long_for_a_socket_is_replaced_by_one_in_tmp(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = parent / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = TemporaryFolder(for_socket=True)
    try:
        assert len(str(folder.path)) < 90
        assert list(deep.iterdir()) == []
    finally:
        folder.remove()
    assert not folder.path.exists()
