"""Read what somebody else may have put there: a regular file, to a bound, and not through a link.

A pull request can commit a link (`leakcheck-baseline.json` to /dev/zero), and whoever unpacks an artifact gets
what is in it: a pipe would be waited for, a device read for ever, and a file of the machine's own be told of.
"""

import os
import stat
from pathlib import Path

from leakcheck.model.errors import StoreError

_KINDS = (
    (stat.S_ISLNK, "it is a link, which is not followed; put the file itself there, or name the one it leads to"),
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe, and no file"),
    (stat.S_ISSOCK, "it is a socket, and no file"),
    (stat.S_ISCHR, "it is a device, and no file"),
    (stat.S_ISBLK, "it is a device, and no file"),
)
_CHUNK_BYTES = 1024 * 1024


def read_file(path: Path, *, most_bytes: int, what: str, follows_links: bool = False) -> bytes:
    """Return all of a regular file. Raises StoreError for anything else, and for one that is larger than any `what`.

    With `follows_links` the file may lie behind a link: for what is run anyway.
    """
    try:
        # looked at before it is opened: opening alone winds a tape back, or wakes whoever holds a pipe's other end
        _refuse_no_file(path, (os.stat if follows_links else os.lstat)(path).st_mode)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follows_links else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            _refuse_no_file(path, state.st_mode)  # it may have been exchanged in between
            if state.st_size <= most_bytes:
                # the kernel's own files have a size of 0, whatever is in them
                chunks, room = [], most_bytes + 1
                while room > 0 and (chunk := file.read(min(room, _CHUNK_BYTES))):
                    chunks.append(chunk)
                    room -= len(chunk)
                if room > 0:
                    return b"".join(chunks)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a null byte
        raise StoreError(f"{path}: cannot be read ({error})") from error
    raise StoreError(f"{path}: is larger than any {what}")


def refuse_link(path: Path) -> None:
    """Raise StoreError where there is a link, or something else that is no file, in a file's place."""
    try:
        _refuse_no_file(path, path.lstat().st_mode)
    except OSError:
        pass  # there is nothing; or whoever opens it says why not


def _refuse_no_file(path: Path, mode: int) -> None:
    for is_one, why in _KINDS:
        if is_one(mode):
            raise StoreError(f"{path}: cannot be read ({why})")
