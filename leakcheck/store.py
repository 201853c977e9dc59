"""Saved runs: a folder each, written atomically, and read as the work of a stranger.

A document is replaced as a whole or not at all, so a run that is killed keeps what it had. What
is read is checked against the model field by field; nothing is ever unpickled.
"""

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from leakcheck.errors import StoreError
from leakcheck.model import SCHEMA, Run

DOCUMENT = "run.json"
_LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024


def make_run_folder(parent: Path, started: datetime) -> Path:
    """Make and return a folder of this run's own, also where another run begins in the same second."""
    name = started.strftime("%Y-%m-%dT%H-%M-%S")
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True, exist_ok=False)
            return folder
        except FileExistsError:
            if not parent.is_dir():
                raise StoreError(f"{parent}: is not a folder; choose another with --output") from None
            number += 1
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made ({error.strerror}); choose another with --output") from error


def save(run: Run, path: Path) -> None:
    """Write the document atomically. Raises StoreError, and leaves what was there, where that fails."""
    write_atomically(path, encode(run))


def encode(run: Run) -> bytes:
    """Return the run document."""
    return msgspec.json.encode(run) + b"\n"


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, all of it or none. Raises StoreError."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a pipe or a device cannot be replaced
            return
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
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free some room, or choose another place"
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder for what is written, where there is none. Raises StoreError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); choose another with --output") from error


def capture_path(folder: Path, capture: str) -> Path:
    """Return where a run's capture lies. Raises StoreError where the document names a file outside its own folder."""
    try:
        root, path = folder.resolve(), (folder / capture).resolve()
        inside = path.is_relative_to(root)
    except (OSError, ValueError, RuntimeError) as error:
        raise StoreError(f"{folder}: its document names a capture that cannot be ({error})") from error
    if not inside:
        raise StoreError(f"{folder}: its document names a capture that is not in its folder: {capture!r}")
    if not path.is_file():
        raise StoreError(f"{folder / capture}: there is no such capture; it stays beside the document that it is of")
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(path: Path) -> Run:
    """Return the run in a document, or in the folder that holds one. Raises StoreError."""
    document = path / DOCUMENT if path.is_dir() else path
    try:
        if document.stat().st_size > _LARGEST_DOCUMENT_BYTES:
            raise StoreError(f"{document}: is larger than any run we write")
        run = msgspec.json.decode(document.read_bytes(), type=Run)
    except OSError as error:
        raise StoreError(f"{document}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise StoreError(f"{document}: is not a run document ({error})") from error
    if run.schema != SCHEMA:
        raise StoreError(f"{document}: has the schema {run.schema!r}; this leakcheck reads {SCHEMA}")
    if _holds_huge_number(msgspec.to_builtins(run)):
        raise StoreError(f"{document}: is not a run document (it holds a number of more than 64 bits)")
    return run


def _holds_huge_number(value: object) -> bool:
    """Tell whether there is an integer that no float can stand for: whoever prints it would fail."""
    if isinstance(value, int):
        return abs(value) >= 1 << 64
    if isinstance(value, dict):
        return any(map(_holds_huge_number, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_huge_number, value))


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema of the run document."""
    schema = msgspec.json.schema(Run)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **schema}
