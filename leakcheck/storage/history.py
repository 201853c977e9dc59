"""The history: an SQLite index of run documents, which can be deleted at any time.

The documents are authoritative. Rows are read again when the size or time of their document changes; an index that is
broken or of another version is rebuilt; and if none can be written, it is built in memory.
"""

import contextlib
import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path

from leakcheck.model.document_text import escape_text_fields, validate_fields
from leakcheck.model.errors import StoreError
from leakcheck.model.files import refuse_link
from leakcheck.model.history import HistoryEntry
from leakcheck.model.protocol import OptionValue
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict

_VERSION = 1
"""Version of the tables below. An index of another version is rebuilt."""

_COLUMNS = tuple(field.name for field in fields(HistoryEntry))
_TABLES = (
    "CREATE TABLE documents (path TEXT PRIMARY KEY, modified_ns INTEGER, size INTEGER, skipped TEXT)",
    f"CREATE TABLE records ({', '.join(_COLUMNS)})",
    "CREATE INDEX records_by_document ON records (document)",
)
_IN_MEMORY = ":memory:"
_KEEP_INDEX_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""Errors of an index that is in use or cannot be written: it is not broken, and must not be deleted."""

_MAX_SQLITE_INTEGER = 2**63 - 1
Read = Callable[[Path], Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The entries of all documents, oldest run first."""

    records: tuple[HistoryEntry, ...]
    skipped: tuple[str, ...]
    """The error for each document that could not be read."""
    notices: tuple[str, ...]
    """What was wrong with the index, if anything."""


def find_documents(folder: Path, name: str) -> list[Path]:
    """Return the run documents in a folder of runs, sorted. Those further below belong to comparisons."""
    # a link to the folder of another run would count that run twice
    return sorted(
        path
        for pattern in (name, f"*/{name}")
        for path in folder.glob(pattern)
        if not path.is_dir() and (path.parent == folder or not path.parent.is_symlink())
    )


def load_history(index: Path, documents: Sequence[Path], read: Read, *, rebuild: bool = False) -> History:
    """Return the entries of the documents; `read` is called for new and changed ones, and may raise StoreError."""
    notices: list[str] = []
    if rebuild:
        _discard(index)
    for remedy in ("was broken, and is rebuilt", "cannot be used, and is ignored"):
        try:
            _prepare(index)
            return _gather_with(str(index), documents, read, notices)
        except (sqlite3.Error, ValueError, TypeError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _KEEP_INDEX_CODES:
                notices = [f"{index}: cannot be used now, and is ignored ({error})"]
                break
            notices = [f"{index}: {remedy} ({error})"]
            _discard(index)
        except OSError as error:
            notices = [f"{index}: cannot be written, and is ignored ({error.strerror})"]
            break
        except StoreError as error:
            notices = [f"{error}; the index is ignored"]
            break
    return _gather_with(_IN_MEMORY, documents, read, notices)


def _prepare(index: Path) -> None:
    """Raise StoreError for an index behind a link: SQLite would write to whatever database the link leads to."""
    index.parent.mkdir(parents=True, exist_ok=True)
    if index.parent.is_symlink():
        refuse_link(index.parent)
    refuse_link(index)
    # ours has no journal on disk: one there is from an older version or from outside, and a journal may name any file
    if any(os.path.lexists(path) for path in _journals(index)):
        _discard(index)


def _journals(index: Path) -> Iterator[Path]:
    """Yield the files that SQLite would open along with the index."""
    yield from (index.with_name(f"{index.name}{end}") for end in ("-journal", "-wal", "-shm"))


def _discard(index: Path) -> None:
    for path in (index, *_journals(index)):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _gather_with(index: str, documents: Sequence[Path], read: Read, notices: Sequence[str]) -> History:
    with contextlib.closing(_open(index)) as connection:
        with connection:
            paths = [_refresh(connection, document, read) for document in documents]
            _delete_missing(connection, paths)
        skipped = [
            sentence
            for path in paths
            for (sentence,) in connection.execute("SELECT skipped FROM documents WHERE path = ?", (path,))
            if sentence
        ]
        records = [record for path in paths for record in _records(connection, path)]
    # runs of the same second are numbered (-2, -10): the shorter name is the earlier run, then the smaller number
    ordered = sorted(records, key=lambda record: (record.started_seconds, len(record.document), record.document))
    return History(records=tuple(ordered), skipped=tuple(map(str, skipped)), notices=tuple(notices))


def _open(index: str) -> sqlite3.Connection:
    connection = sqlite3.connect(index)
    try:
        if index != _IN_MEMORY and not _is_ours(connection):
            connection.close()
            _discard(Path(index))
            connection = sqlite3.connect(index)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        if not connection.execute("SELECT name FROM sqlite_master").fetchall():
            connection.executescript(";".join(_TABLES))
            connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Return whether it has no tables, or those of this version. Raises ValueError if these have been altered."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    statements = [text for (text,) in connection.execute("SELECT sql FROM sqlite_master") if text is not None]
    # a view or a trigger that someone added could run forever
    if version == _VERSION and sorted(statements) != sorted(_TABLES):
        raise ValueError("its tables are not as they were made")
    return not statements or version == _VERSION


def _refresh(connection: sqlite3.Connection, document: Path, read: Read) -> str:
    """Bring the rows of a document up to date, and return its path as it is stored in the index."""
    path = str(document.absolute()).encode(errors="backslashreplace").decode()
    try:
        state = document.stat()
        current = (state.st_mtime_ns, state.st_size)
    except OSError:
        current = (0, 0)  # it has just been deleted; reading it reports that
    known = connection.execute("SELECT modified_ns, size FROM documents WHERE path = ?", (path,)).fetchone()
    if known == current:
        return path
    sentence, records = "", []
    try:
        records = list(records_of(read(document), path))
    except StoreError as error:
        sentence = str(error)
    except (ValueError, OverflowError, OSError) as error:
        sentence = f"{document}: is not a run of a known time ({error})"
    connection.execute("DELETE FROM records WHERE document = ?", (path,))
    connection.execute(
        "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
        (path, *current, sentence.encode(errors="backslashreplace").decode()),
    )
    placeholders = ", ".join("?" * len(_COLUMNS))
    connection.executemany(f"INSERT INTO records VALUES ({placeholders})", [_row(record) for record in records])
    return path


def _row(record: HistoryEntry) -> tuple[object, ...]:
    return tuple(
        value.encode(errors="backslashreplace").decode()
        if isinstance(value, str)
        else min(value, _MAX_SQLITE_INTEGER)
        if isinstance(value, int)
        else value
        for value in astuple(record)
    )


def _delete_missing(connection: sqlite3.Connection, present: Sequence[str]) -> None:
    # check `present` first: a path that is not UTF-8 is stored escaped, and does not exist under that name
    known = connection.execute("SELECT path FROM documents").fetchall()
    missing = [(path,) for (path,) in known if path not in present and not Path(path).exists()]
    connection.executemany("DELETE FROM records WHERE document = ?", missing)
    connection.executemany("DELETE FROM documents WHERE path = ?", missing)


def _records(connection: sqlite3.Connection, path: str) -> Iterator[HistoryEntry]:
    """Yield the entries of one document. Raises ValueError or TypeError for a row that leakcheck did not write."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM records WHERE document = ?"
    for row in connection.execute(query, (path,)):
        values = dict(zip(_COLUMNS, row, strict=True))
        _check_types(values)
        dirty = values["git_dirty"]
        record = HistoryEntry(
            **{
                **values,
                "verdict": Verdict(values["verdict"]),
                "gate": Gate(values["gate"]),
                "git_dirty": None if dirty is None else bool(dirty),
            }
        )
        validate_fields(record)
        yield escape_text_fields(record)


_NUMBERS = {"started_seconds", "growth_bytes_per_1000_calls", "growth_low", "growth_high", "peak_bytes", "p50_seconds"}
_REQUIRED = {"document", "started", "started_seconds", "environment", "scenario", "options"}


def _check_types(values: Mapping[str, object]) -> None:
    for name, value in values.items():
        kinds = (int, float) if name in _NUMBERS else (int,) if name == "git_dirty" else (str,)
        if not isinstance(value, kinds) and (value is not None or name in _REQUIRED):
            raise ValueError(f"{name} is {value!r:.40}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}")


def records_of(run: Run, document: str) -> Iterator[HistoryEntry]:
    """Yield an entry for each result. Raises ValueError, OverflowError or OSError for an invalid starting time."""
    started = datetime.fromisoformat(run.started).timestamp()
    environment = run.environment
    for result in run.results:
        growth, latency = result.growth, result.latency_seconds
        yield HistoryEntry(
            document=document,
            started=run.started,
            started_seconds=started,
            environment="unknown" if environment is None else environment.key,
            git_commit=None if environment is None else environment.git_commit,
            git_dirty=None if environment is None else environment.git_dirty,
            scenario=result.id,
            options=_options(result),
            verdict=result.verdict,
            gate=result.gate,
            meter=None if growth is None else growth.meter.value,
            growth_bytes_per_1000_calls=None if growth is None else growth.bytes_per_1000_calls,
            growth_low=None if growth is None else growth.low,
            growth_high=None if growth is None else growth.high,
            peak_bytes=result.peak_bytes,
            p50_seconds=None if latency is None else latency.p50,
        )


def _options(result: Result) -> str:
    def words(options: Mapping[str, OptionValue], prefix: str) -> list[str]:
        return [f"{prefix}{name}={json.dumps(value)}" for name, value in sorted(options.items())]

    same = result.growth_options == result.peak_options
    return ", ".join(words(result.growth_options, "") + ([] if same else words(result.peak_options, "peak.")))
