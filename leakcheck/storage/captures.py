"""The captures that lie in a run's folder, named by its document: a stranger may have named anything."""

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
    """Return the capture that a document names, opened; None where it was not kept.

    Raises StoreError for a name that leads out of the folder, through a link, or to what is no file.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise StoreError(f"the capture {name!r} does not lie in the run's folder")
    opened: list[int] = []
    try:
        opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        # step by step from the folder, so that no step can be a link, or become one in between
        for part in path.parts[:-1]:
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        # a pipe would be waited for
        file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1])
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "leads through a link" if error.errno in _LINK_OR_NO_FOLDER else error.strerror
        raise StoreError(f"the capture {name!r} cannot be read ({why})") from error
    finally:
        for descriptor in opened:
            os.close(descriptor)
    state = os.fstat(file)
    if not stat.S_ISREG(state.st_mode) or state.st_size > _LARGEST_CAPTURE_BYTES:
        os.close(file)
        why = "is larger than any we write" if stat.S_ISREG(state.st_mode) else "is not a file"
        raise StoreError(f"the capture {name!r} {why}")
    return os.fdopen(file, "rb")


def copy_capture(folder: Path, name: str, into: Path) -> str | None:
    """Copy a capture into another run's folder and return its name there; None where it was not kept.

    Raises StoreError as `open_capture` does, and where there is no room for it.
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
    """Return the path, numbered where another capture has that name already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
