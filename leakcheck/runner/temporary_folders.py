"""Temporary folders that do not outlive their owner: where it is killed, the next run removes them.

An owner holds a lock on a file in its folder for as long as it lives, and the kernel releases the lock however it ends.
So a folder has no owner exactly when its lock is free. No pid is compared: another container may have the same one.
"""

import fcntl
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from leakcheck.runner.process_table import environment_of, send, status_of
from leakcheck.runner.process_tree import MARK, is_left_running

PREFIX = "leakcheck-"
_LOCK = ".leakcheck-owner"
_LONGEST_SOCKET_FOLDER = 90
"""The kernel allows 107 characters for a socket's path."""


class TemporaryFolder:
    """A new temporary folder, which only this user may enter. Use `remove` in the end."""

    def __init__(self, *, for_socket: bool = False) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        if for_socket and len(str(self.path)) > _LONGEST_SOCKET_FOLDER:
            self.path.rmdir()
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        unfinished = self.path / f"{_LOCK}.new"
        self._lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # rename after locking: other runs look for this name
            unfinished.rename(self.path / _LOCK)
        except OSError:
            unfinished.unlink(missing_ok=True)  # a file system without locks: no other run removes this folder

    def remove(self) -> None:
        """Remove the folder with its contents; a second call does nothing."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a temporary folder for the duration of the block."""
    folder = TemporaryFolder()
    try:
        yield folder.path
    finally:
        folder.remove()


def remove_leftovers() -> None:
    """Remove what killed runs of this user have left: their folders, and the processes marked with such a folder.

    Only folders that leakcheck made and whose owner has ended are touched; whatever cannot be removed stays.
    """
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp")):
        try:
            with os.scandir(parent) as entries:
                paths = [entry.path for entry in entries if entry.name.startswith(PREFIX)]
        except OSError:
            continue
        for path in paths:
            _remove_if_abandoned(Path(path))


def _remove_if_abandoned(folder: Path) -> None:
    lock = _lock_of(folder)
    if lock is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _end_processes_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # its owner is alive
    finally:
        os.close(lock)


def _lock_of(folder: Path) -> int | None:
    """Return the open descriptor of a folder's lock; None unless leakcheck made the folder for this user."""
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return None
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    lock = os.fstat(descriptor)
    if stat.S_ISREG(lock.st_mode) and lock.st_uid == os.geteuid() and lock.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    return None


def _end_processes_of(folder: Path) -> None:
    """End the descendants of the measured process whose folder this was: its run was killed before it could."""
    mark = f"{MARK}={folder}".encode()
    for pid in psutil.pids():
        if mark in environment_of(pid) and not is_left_running(pid) and (status := status_of(pid)) is not None:
            send(status.process, signal.SIGKILL)
