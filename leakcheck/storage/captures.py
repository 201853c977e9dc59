"""Open and copy memray's captures in a run's folder; their names come from an untrusted document."""

import errno
import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from leakcheck.model.errors import StoreError

FOLDER = "captures"
_LARGEST_CAPTURE_BYTES = 4 * 1024**3
_LINK_OR_NO_FOLDER = (errno.ELOOP, errno.ENOTDIR)


def open_capture(folder: Path, name: str) -> BinaryIO | None:
    """Return the opened capture that a document names, or None if it does not exist.

    Raises StoreError for a name that leads out of the folder or through a link, and for anything but a regular file.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise StoreError(f"the capture {name!r} is not in the run's folder")
    descriptors: list[int] = []
    try:
        descriptors.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        # one part at a time, relative to its parent, so that none can be a link or be replaced by one meanwhile
        for part in path.parts[:-1]:
            descriptors.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptors[-1]))
        # O_NONBLOCK: opening a pipe would block
        file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptors[-1])
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "leads through a link" if error.errno in _LINK_OR_NO_FOLDER else error.strerror
        raise StoreError(f"the capture {name!r} cannot be read ({why})") from error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    state = os.fstat(file)
    if not stat.S_ISREG(state.st_mode) or state.st_size > _LARGEST_CAPTURE_BYTES:
        os.close(file)
        why = "is too large" if stat.S_ISREG(state.st_mode) else "is not a file"
        raise StoreError(f"the capture {name!r} {why}")
    return os.fdopen(file, "rb")


def copy_capture(folder: Path, name: str, into: Path) -> str | None:
    """Copy a capture into another run's folder and return its name there, or None if it does not exist.

    Raises StoreError as `open_capture` does, and if the copy cannot be written.
    """
    source = open_capture(folder, name)
    if source is None:
        return None
    with source:
        target = free_name(into / FOLDER / PurePosixPath(name).name)
        try:
            target.parent.mkdir(exist_ok=True)
            with target.open("xb") as copy:
                shutil.copyfileobj(source, copy)
        except OSError as error:
            raise StoreError(f"{target}: cannot be written ({error.strerror})") from error
    return str(target.relative_to(into))


def free_name(path: Path) -> Path:
    """Return the path, with a number in its name if it exists already."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
