"""Read files that may come from someone else: regular files only, up to a size, never through a symbolic link.

A pull request can commit a link (`leakcheck-baseline.json` to /dev/zero), and an artifact can hold anything: reading a
pipe would block, reading a device would never end, and a link could expose a file of this machine.
"""

import os
import stat
from pathlib import Path

from leakcheck.model.errors import StoreError
from leakcheck.model.units import format_size

_KINDS = (
    (
        stat.S_ISLNK,
        "it is a link, which is not followed; pass the file that it leads to, or replace the link by a copy",
    ),
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe and not a file"),
    (stat.S_ISSOCK, "it is a socket and not a file"),
    (stat.S_ISCHR, "it is a device and not a file"),
    (stat.S_ISBLK, "it is a device and not a file"),
)
_CHUNK_BYTES = 1024 * 1024


def read_file(path: Path, *, most_bytes: int, what: str, follows_links: bool = False) -> bytes:
    """Return the content of a regular file. Raises StoreError for anything else, and for a larger file.

    `what` is what the file should be ("run document"), for the message. With `follows_links` the path may be a link:
    for files of a tree whose code is run anyway.
    """
    try:
        # check before opening: opening alone rewinds a tape, or wakes the process at the other end of a pipe
        _refuse_special_file(path, (os.stat if follows_links else os.lstat)(path).st_mode)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follows_links else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            _refuse_special_file(path, state.st_mode)  # it may have been replaced in between
            if state.st_size <= most_bytes:
                # files of /proc and /sys report a size of 0, whatever they hold
                chunks, remaining = [], most_bytes + 1
                while remaining > 0 and (chunk := file.read(min(remaining, _CHUNK_BYTES))):
                    chunks.append(chunk)
                    remaining -= len(chunk)
                if remaining > 0:
                    return b"".join(chunks)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a null byte
        raise StoreError(f"{path}: cannot be read ({error})") from error
    raise StoreError(f"{path}: too large for a {what}; the limit is {format_size(most_bytes)}")


def refuse_link(path: Path) -> None:
    """Raise StoreError if the path is a link, or anything but a regular file; a path that does not exist is fine."""
    try:
        _refuse_special_file(path, path.lstat().st_mode)
    except OSError:
        pass  # it does not exist, or opening it reports why not


def _refuse_special_file(path: Path, mode: int) -> None:
    for is_kind, why in _KINDS:
        if is_kind(mode):
            raise StoreError(f"{path}: cannot be read ({why})")
