"""Write files atomically: a process that is killed meanwhile leaves the old content."""

import errno
import os
import tempfile
from pathlib import Path

from leakcheck.model.errors import StoreError


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data`, completely or not at all. Raises StoreError."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a pipe or a device (/dev/stdout) must not be replaced by a file
            return
    except OSError as error:
        raise _write_error(path, error) from error
    replace_file(path, data)


def replace_file(path: Path, data: bytes) -> None:
    """Replace whatever is at `path`, even a link or a pipe, by a file; nothing is written through it.

    For file names of leakcheck in an untrusted folder. Raises StoreError.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())  # mkstemp creates files for the owner alone
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: Path, error: OSError) -> StoreError:
    remedy = (
        "free some disk space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "choose another path"
    )
    return StoreError(f"{path}: cannot be written ({error.strerror}); {remedy}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
