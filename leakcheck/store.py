"""Saved runs and the baseline: written atomically, and read as the work of a stranger.

A document is replaced as a whole or not at all, so a run that is killed keeps what it had. What
is read is checked against the model field by field; nothing is ever unpickled.
"""

import json
import os
import re
import tempfile
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from leakcheck.baseline import SCHEMA as BASELINE_SCHEMA
from leakcheck.baseline import Baseline
from leakcheck.contrast import Comparison
from leakcheck.errors import NothingMeasured, StoreError
from leakcheck.model import SCHEMA, Result, Run

DOCUMENT = "run.json"
_LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024
_LARGEST_BASELINE_BYTES = 16 * 1024 * 1024
_RUN_FOLDER = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:-(\d{1,9}))?")
_MERGE_MARK = b"\n<<<<<<< "
_Document = TypeVar("_Document", Run, Baseline)


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


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there. Raises StoreError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); choose another with --output") from error


def beside(folder: Path, name: str) -> Path:
    """Return a file that a run's document names, below the run's folder. Raises StoreError where it is not there.

    A document may come from a stranger: what it names is not followed out of its folder.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, a circle of links
        raise StoreError(f"{folder}: its document names a file that cannot be ({error})") from error
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise StoreError(f"{folder / name}: is not there; captures lie beside the run document, in its folder")
    return path


def save(run: Run, path: Path) -> None:
    """Write the document atomically. Raises StoreError, and leaves what was there, where that fails."""
    write_atomically(path, encode(run))


def encode(run: Run) -> bytes:
    """Return the run document."""
    return msgspec.json.encode(run) + b"\n"


class RunFile:
    """A run document that is saved again and again while results come: each of them is encoded once.

    Saving the hundredth result would else take a hundred times as long as saving the first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # by identity, which holds because the result is kept beside what came of it
        self._encoded: dict[int, tuple[Result, msgspec.Raw]] = {}

    def save(self, run: Run) -> None:
        """Write the document as `save` does, the same bytes."""
        whole = {one.name: getattr(run, one.name) for one in fields(run)}
        whole["results"] = [self._once(result) for result in run.results]
        write_atomically(self.path, msgspec.json.encode(whole) + b"\n")

    def _once(self, result: Result) -> msgspec.Raw:
        if id(result) not in self._encoded:
            self._encoded[id(result)] = result, msgspec.Raw(msgspec.json.encode(result))
        return self._encoded[id(result)][1]


def encode_comparison(comparison: Comparison) -> bytes:
    """Return the document of a comparison."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n"


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(path: Path) -> Run:
    """Return the run in a document, or in the folder that holds one. Raises StoreError."""
    document = path / DOCUMENT if path.is_dir() else path
    return _checked(document, _read(document, _LARGEST_DOCUMENT_BYTES, "run"), Run, SCHEMA, "a run document")


def newest_run(parent: Path) -> Path:
    """Return the folder of the run that began last. Raises NothingMeasured where there is none."""
    found = [
        (match[1], int(match[2] or 1), document.parent)
        for document in parent.glob(f"*/{DOCUMENT}")
        if (match := _RUN_FOLDER.fullmatch(document.parent.name))
    ]
    if not found:
        raise NothingMeasured(f"{parent}: there is no run in it; measure with leakcheck run, or name a run's folder")
    return max(found)[2]


def load_baseline(path: Path) -> Baseline | None:
    """Return the baseline in a file; None where there is no such file. Raises StoreError for anything else."""
    try:
        path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        pass  # reading says why
    data = _read(path, _LARGEST_BASELINE_BYTES, "baseline")
    if _MERGE_MARK in b"\n" + data:
        raise StoreError(f"{path}: a merge left its marks in it; take one side, and run leakcheck baseline update")
    baseline = _checked(path, data, Baseline, BASELINE_SCHEMA, "a baseline")
    for entries in baseline.environments.values():
        for name, entry in entries.items():
            if min(entry.growth_bytes_per_1000_calls or 0, entry.peak_bytes or 0) < 0:
                raise StoreError(f"{path}: is not a baseline (a figure of {name} is below 0)")
    return baseline


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write the baseline atomically. Raises StoreError, and leaves what was there, where that fails."""
    data = encode_baseline(baseline)
    _checked(path, data, Baseline, BASELINE_SCHEMA, "a baseline")  # what could not be read again is never written
    write_atomically(path, data)


def encode_baseline(baseline: Baseline) -> bytes:
    """Return the file: sorted, a value a line, so that a diff reads; what is not said is left out."""
    document = msgspec.to_builtins(baseline)
    document["environments"] = {
        environment: {
            name: {field: value for field, value in entry.items() if value not in (None, "")}
            for name, entry in sorted(entries.items())
        }
        for environment, entries in sorted(document["environments"].items())
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _read(path: Path, largest_bytes: int, what: str) -> bytes:
    try:
        if path.stat().st_size > largest_bytes:
            raise StoreError(f"{path}: is larger than any {what} we write")
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error


def _checked(path: Path, data: bytes, kind: type[_Document], schema: str, what: str) -> _Document:
    """Return the document in the data, checked field by field. Raises StoreError."""
    try:
        document = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: is not {what} ({error})") from error
    if document.schema != schema:
        raise StoreError(f"{path}: has the schema {document.schema!r}; this leakcheck reads {schema}")
    if _holds_huge_number(msgspec.to_builtins(document)):
        raise StoreError(f"{path}: is not {what} (it holds a number of more than 64 bits)")
    return document


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
