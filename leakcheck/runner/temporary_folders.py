"""Temporary folders that do not outlive their owner: where it is killed, the next run removes them.

An owner holds a lock on a file in its folder for as long as it lives, and the kernel lets go of that however it ends.
So a folder is nobody's exactly when its lock can be had: no pid is compared, which another container may have, too.
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
    """A new temporary folder, which only this user may enter."""

    def __init__(self, *, for_socket: bool = False) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        if for_socket and len(str(self.path)) > _LONGEST_SOCKET_FOLDER:
            self.path.rmdir()
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        unfinished = self.path / f"{_LOCK}.new"
        self._lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # only what is locked already has the name that others look for
            unfinished.rename(self.path / _LOCK)
        except OSError:
            unfinished.unlink(missing_ok=True)  # a file system without locks: nobody else removes this one then

    def remove(self) -> None:
        """Remove the folder with all that is in it, and do nothing the second time."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder for as long as the block takes."""
    folder = TemporaryFolder()
    try:
        yield folder.path
    finally:
        folder.remove()


def remove_leftovers() -> None:
    """Remove what killed runs of this user have left: their folders, and the processes that are known by such a folder.

    Only folders of our making, whose owner has ended, are looked at; whatever cannot be removed stays.
    """
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp")):
        try:
            with os.scandir(place) as entries:
                names = [entry.path for entry in entries if entry.name.startswith(PREFIX)]
        except OSError:
            continue
        for name in names:
            _remove_if_left(Path(name))


def _remove_if_left(folder: Path) -> None:
    lock = _lock_of(folder)
    if lock is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _end_processes_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # its owner lives
    finally:
        os.close(lock)


def _lock_of(folder: Path) -> int | None:
    """Return the lock of a folder, opened; None where it is not a folder of this user's that we have made."""
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
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
    """End what descends from the measured process whose folder this was: its run was killed and could not."""
    mark = f"{MARK}={folder}".encode()
    for pid in psutil.pids():
        if mark in environment_of(pid) and not is_left_running(pid) and (status := status_of(pid)) is not None:
            send(status.process, signal.SIGKILL)
