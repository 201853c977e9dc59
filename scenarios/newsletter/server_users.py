"""Who uses a private server: a file for each run, so that it is stopped when the last of them has ended.

A run may be killed, so nobody takes a file away when he leaves: it counts as long as the process
lives that it names.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Let one process at a time start or stop the server of a folder; the kernel unlocks for who dies.

    The descriptor that is given holds the lock, too, in whom it is handed on to.
    """
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def note_user(folder: Path, pid: int) -> None:
    """Note that a process uses the server."""
    users = folder / "users"
    users.mkdir(exist_ok=True)
    (users / f"{pid}-{identity_of(pid)}").touch()


def has_users(folder: Path) -> bool:
    """Tell whether a process that uses the server is alive, and forget those that are not."""
    alive = False
    for note in (folder / "users").glob("*-*"):
        pid, _, start = note.name.partition("-")
        if identity_of(int(pid)) == start:
            alive = True
        else:
            note.unlink(missing_ok=True)
    return alive


def identity_of(pid: int) -> str:
    """Return what tells a process from a later one with the same pid; nothing where it has ended."""
    state, _, start = _status_of(pid)
    return "" if state in ("Z", "X") else start


def run_of_this_process() -> int:
    """Return the pid of the run that this process is a part of: who started the measured process.

    A measured process leads a session of its own, and what it forks to serve stays in it. In any
    other process that is this process itself.
    """
    session = os.getsid(0)
    if session != os.getpgrp() or session not in (os.getpid(), os.getppid()):
        return os.getpid()
    parent = int(_status_of(session)[1] or 0)
    return parent if parent > 1 else os.getpid()


def _status_of(pid: int) -> tuple[str, str, str]:
    """Return a process's state, its parent and when it began, in ticks; nothing where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _status_without_proc(pid)
    fields = text.rpartition(")")[2].split()  # a program's name may hold anything, brackets too
    return fields[0], fields[1], fields[19]


def _status_without_proc(pid: int) -> tuple[str, str, str]:
    if Path("/proc/self/stat").exists():
        return "X", "", ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "X", "", ""
    except PermissionError:
        pass
    return "R", str(os.getppid()) if pid == os.getpid() else "", "0"
