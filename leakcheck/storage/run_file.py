"""Save and load runs: their folders, and the run document in each."""

import os
import re
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leakcheck.model.document_text import replace_invalid_texts
from leakcheck.model.errors import NothingMeasured, StoreError
from leakcheck.model.files import read_file
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Run
from leakcheck.storage import run_version_1
from leakcheck.storage.document import DocumentT, decode_document, write_atomically

if TYPE_CHECKING:
    from leakcheck.model.comparison import Comparison

DOCUMENT = "run.json"
LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024
_UPGRADES = {run_version_1.SCHEMA: run_version_1.upgrade}
_RUN_FOLDER = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:-(\d{1,9}))?")


def make_run_folder(parent: Path, started: datetime) -> Path:
    """Create and return a new folder for a run. Runs that start in the same second are numbered. Raises StoreError."""
    name = started.strftime("%Y-%m-%dT%H-%M-%S")
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True, exist_ok=False)
            return folder
        except FileExistsError:
            if not parent.is_dir():
                raise StoreError(f"{parent}: is not a folder; pass another --output") from None
            number += 1
        except OSError as error:
            raise StoreError(f"{folder}: cannot be created ({error.strerror}); pass another --output") from error


def make_folder(folder: Path) -> None:
    """Create a folder unless it exists. Raises StoreError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be created ({error.strerror}); pass another --output") from error


def file_in_folder(folder: Path, name: str) -> Path:
    """Return the path of a file that a run document names, which must lie in the run's folder.

    Raises StoreError if it does not exist, or its name, which is untrusted, leads through a link or out of the folder.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, a loop of links
        raise StoreError(f"{folder}: its run document names an impossible file ({error})") from error
    # if a part of the name were a link, the resolved path would differ from the normalized one
    is_link = path != Path(os.path.normpath(folder.resolve() / name))
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or is_link:
        raise StoreError(
            f"{folder / name}: no such file; a capture must lie in the folder of the run document, and be no link"
        )
    return path


def save(run: Run, path: Path) -> None:
    """Write the document atomically. Raises StoreError, and then leaves the old document as it was."""
    write_atomically(path, encode(run))


def encode(run: Run) -> bytes:
    """Return the run document as JSON."""
    return msgspec.json.encode(replace_invalid_texts(run)) + b"\n"


class RunFile:
    """A run document that is saved after each result; every result is encoded once.

    Otherwise saving the hundredth result would take a hundred times as long as saving the first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # by id(), which stays unique because the entry keeps the result alive
        self._encoded: dict[int, tuple[Result, msgspec.Raw]] = {}

    def save(self, run: Run) -> None:
        """Write the same bytes as `save(run, path)`."""
        without_results = replace_invalid_texts(replace(run, results=()))
        document = {field.name: getattr(without_results, field.name) for field in fields(run)}
        document["results"] = [self._encoded_once(result) for result in run.results]
        write_atomically(self.path, msgspec.json.encode(document) + b"\n")

    def _encoded_once(self, result: Result) -> msgspec.Raw:
        if id(result) not in self._encoded:
            self._encoded[id(result)] = result, msgspec.Raw(msgspec.json.encode(replace_invalid_texts(result)))
        return self._encoded[id(result)][1]


def encode_comparison(comparison: "Comparison") -> bytes:
    """Return a comparison as JSON."""
    return msgspec.json.format(msgspec.json.encode(replace_invalid_texts(comparison)), indent=1) + b"\n"


def load(path: Path) -> Run:
    """Return the run in a document, or in a folder with one. Raises StoreError."""
    document = path / DOCUMENT if path.is_dir() else path
    if not os.path.lexists(document):
        problem = f"no {DOCUMENT} in this folder" if path.is_dir() else "no such file or folder"
        raise StoreError(f"{path}: {problem}; pass the folder of a saved run, or its {DOCUMENT}")
    return load_as(document, Run)


def load_as(document: Path, kind: type[DocumentT]) -> DocumentT:
    """Return the fields of a run document that `kind` has: a `Run`, or a class with some of its fields.

    Raises StoreError.
    """
    data = read_file(document, most_bytes=LARGEST_DOCUMENT_BYTES, what="run document")
    return decode_document(document, data, kind, SCHEMA, "a run document", _UPGRADES)


def newest_run(parent: Path) -> Path:
    """Return the folder of the run that started last. Raises NothingMeasured if there is none."""
    folders = [
        (match[1], int(match[2] or 1), document.parent)
        for document in parent.glob(f"*/{DOCUMENT}")
        if (match := _RUN_FOLDER.fullmatch(document.parent.name)) and not document.parent.is_symlink()
    ]
    if not folders:
        raise NothingMeasured(f"{parent}: contains no runs; measure with leakcheck run, or pass the folder of a run")
    return max(folders)[2]


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema of the run document."""
    schema = msgspec.json.schema(Run)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **schema}
