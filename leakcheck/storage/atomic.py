"""Replace a file as a whole or not at all, so that a run that is killed keeps what it had."""

import os
import tempfile
from pathlib import Path

from leakcheck.model.errors import StoreError


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, all of it or none. Raises StoreError."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a pipe or a device cannot be replaced
            return
    except OSError as error:
        raise _unwritten(path, error) from error
    replace_file(path, data)


def replace_file(path: Path, data: bytes) -> None:
    """Put a file in the place of whatever lies there, a link or a pipe too: nothing is written through it.

    For names that are ours, in folders that may be a stranger's. Raises StoreError.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())  # mkstemp's own mode is for secrets
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be written ({error.strerror}); free some room, or choose another place")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
