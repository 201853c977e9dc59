"""The durations file: how long each scenario took, for balancing shards. A project may commit it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from leakcheck.model.document_text import escape_text_fields
from leakcheck.model.errors import StoreError
from leakcheck.model.files import read_file
from leakcheck.model.plain_text import shorten
from leakcheck.model.run import Run
from leakcheck.storage import run_file
from leakcheck.storage.document import refuse_repeated, write_atomically

SCHEMA = "leakcheck.durations/1"
_FAMILY = SCHEMA.partition("/")[0] + "/"
_REMEDY = "write it anew with: leakcheck merge DIR --durations FILE"
_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_MAX_SECONDS = 1e9
"""Thirty years. The sum of much larger numbers could overflow to infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    schema: str = ""
    seconds: Mapping[str, float] | None = None


def durations_of(run: Run) -> dict[str, float]:
    """Return the seconds that each scenario took, by id; the longer of two with the same id."""
    seconds: dict[str, float] = {}
    for result in run.results:
        if result.duration_seconds > 0:  # a scenario that failed to import has no duration
            seconds[result.id] = max(result.duration_seconds, seconds.get(result.id, 0.0))
    return seconds


def write_durations(path: Path, run: Run) -> None:
    """Write the durations of a run's scenarios, one per line. Raises StoreError."""
    seconds = {name: round(duration, 2) for name, duration in sorted(escape_text_fields(durations_of(run)).items())}
    text = json.dumps({"schema": SCHEMA, "seconds": seconds}, indent=2, ensure_ascii=False)
    write_atomically(path, text.encode() + b"\n")


def read_durations(path: Path) -> Mapping[str, float]:
    """Return seconds by id from a durations file, a run document, or the folder of a run. Raises StoreError.

    The file is untrusted, as it may come with a pull request: every entry is validated.
    """
    if path.is_dir():
        return durations_of(run_file.load(path))
    data = read_file(path, most_bytes=run_file.LARGEST_DOCUMENT_BYTES, what="run we write")
    try:
        document = msgspec.json.decode(data if len(data) <= _LARGEST_FILE_BYTES else b"", type=_Document)
    except (ValueError, RecursionError) as error:
        if SCHEMA.encode() not in data:
            return durations_of(run_file.load(path))
        raise StoreError(f"{path}: is not a file of durations ({shorten(str(error), 200)}); {_REMEDY}") from error
    if document.seconds is None and not document.schema.startswith(_FAMILY):
        return durations_of(run_file.load(path))
    if document.schema != SCHEMA:
        raise StoreError(f"{path}: has the schema {shorten(document.schema, 200)!r}; this leakcheck reads {SCHEMA}")
    refuse_repeated(path, data)
    seconds = escape_text_fields(document.seconds or {})
    for name, duration in seconds.items():
        if not 0 <= duration < _MAX_SECONDS:
            raise StoreError(f"{path}: says that {shorten(name, 200)!r} took {duration} s; {_REMEDY}")
    return seconds
