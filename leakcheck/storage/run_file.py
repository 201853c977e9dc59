"""Saved runs and the baseline: written atomically, and read as the work of a stranger.

A document is replaced as a whole or not at all, so a run that is killed keeps what it had. What
is read is checked against the model field by field; nothing is ever unpickled. All text is made plain
on the way in and on the way out, and what has not the format of its field is refused.
"""

import json
import os
import re
import tempfile
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from leakcheck.model.baseline import SCHEMA as BASELINE_SCHEMA
from leakcheck.model.baseline import Baseline
from leakcheck.model.document_text import UnfitDocument, conforming, made_plain, refuse_unfit
from leakcheck.model.errors import NothingMeasured, StoreError
from leakcheck.model.files import read_file, refuse_link
from leakcheck.model.plain_text import cut
from leakcheck.model.result import SCHEMA, Result, Run

if TYPE_CHECKING:
    from leakcheck.model.comparison import Comparison

DOCUMENT = "run.json"
LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024
_LARGEST_BASELINE_BYTES = 16 * 1024 * 1024
_LONGEST_REASON = 200
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
    # a link in it would lead to another path than its letters do
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path != _by_letters(folder, name):
        raise StoreError(f"{folder / name}: is not there; captures lie beside the run document, in its folder")
    return path


def _by_letters(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder.resolve() / name))


def save(run: Run, path: Path) -> None:
    """Write the document atomically. Raises StoreError, and leaves what was there, where that fails."""
    write_atomically(path, encode(run))


def encode(run: Run) -> bytes:
    """Return the run document."""
    return msgspec.json.encode(conforming(run)) + b"\n"


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
        bare = conforming(replace(run, results=()))
        whole = {one.name: getattr(bare, one.name) for one in fields(run)}
        whole["results"] = [self._once(result) for result in run.results]
        write_atomically(self.path, msgspec.json.encode(whole) + b"\n")

    def _once(self, result: Result) -> msgspec.Raw:
        if id(result) not in self._encoded:
            self._encoded[id(result)] = result, msgspec.Raw(msgspec.json.encode(conforming(result)))
        return self._encoded[id(result)][1]


def encode_comparison(comparison: "Comparison") -> bytes:
    """Return the document of a comparison."""
    return msgspec.json.format(msgspec.json.encode(conforming(comparison)), indent=1) + b"\n"


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


def load(path: Path) -> Run:
    """Return the run in a document, or in the folder that holds one. Raises StoreError."""
    document = path / DOCUMENT if path.is_dir() else path
    data = read_file(document, most_bytes=LARGEST_DOCUMENT_BYTES, what="run we write")
    return _checked(document, data, Run, SCHEMA, "a run document")


def newest_run(parent: Path) -> Path:
    """Return the folder of the run that began last. Raises NothingMeasured where there is none."""
    found = [
        (match[1], int(match[2] or 1), document.parent)
        for document in parent.glob(f"*/{DOCUMENT}")
        if (match := _RUN_FOLDER.fullmatch(document.parent.name)) and not document.parent.is_symlink()
    ]
    if not found:
        raise NothingMeasured(f"{parent}: there is no run in it; measure with leakcheck run, or name a run's folder")
    return max(found)[2]


def load_baseline(path: Path) -> Baseline | None:
    """Return the baseline in a file; None where there is no such file. Raises StoreError for anything else."""
    if not os.path.lexists(path):
        return None
    data = read_file(path, most_bytes=_LARGEST_BASELINE_BYTES, what="baseline we write")
    if _MERGE_MARK in b"\n" + data:
        raise StoreError(f"{path}: a merge left its marks in it; take one side, and run leakcheck baseline update")
    baseline = _checked(path, data, Baseline, BASELINE_SCHEMA, "a baseline")
    refuse_repeated(path, data)
    for entries in baseline.environments.values():
        for name, entry in entries.items():
            if min(entry.growth_bytes_per_1000_calls or 0, entry.peak_bytes or 0) < 0:
                raise StoreError(f"{path}: is not a baseline (a figure of {name} is below 0)")
    return baseline


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write the baseline atomically. Raises StoreError, and leaves what was there, where that fails."""
    data = encode_baseline(baseline)
    _checked(path, data, Baseline, BASELINE_SCHEMA, "a baseline")  # what could not be read again is never written
    refuse_link(path)
    replace_file(path, data)


def encode_baseline(baseline: Baseline) -> bytes:
    """Return the file: sorted, a value a line, so that a diff reads; what is not said is left out."""
    document = msgspec.to_builtins(conforming(baseline))
    document["environments"] = {
        environment: {
            name: {field: value for field, value in entry.items() if value not in (None, "")}
            for name, entry in sorted(entries.items())
        }
        for environment, entries in sorted(document["environments"].items())
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _checked(path: Path, data: bytes, kind: type[_Document], schema: str, what: str) -> _Document:
    """Return the document in the data, checked field by field, and plain. Raises StoreError."""
    try:
        document = msgspec.json.decode(data, type=kind)
        if document.schema == schema:
            refuse_unfit(document)
            return made_plain(document)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: is not {what} ({cut(str(error), _LONGEST_REASON)})") from error
    found = cut(document.schema, _LONGEST_REASON)
    raise StoreError(f"{path}: has the schema {found!r}; this leakcheck reads {schema}")


def refuse_repeated(path: Path, data: bytes) -> None:
    """Raise StoreError where a name stands twice in one table of a file that people review.

    JSON lets the last one count: whoever reads the first would believe it.
    """

    def table(pairs: list[tuple[str, object]]) -> None:
        names = [made_plain(name) for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UnfitDocument(f"{cut(twice, _LONGEST_REASON)!r} stands in it twice; keep the one that is meant")

    try:
        json.loads(data, object_pairs_hook=table, parse_int=lambda text: 0)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: {cut(str(error), 2 * _LONGEST_REASON)}") from error


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema of the run document."""
    schema = msgspec.json.schema(Run)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **schema}
