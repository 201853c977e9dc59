"""The history: an index over run documents, in SQLite, that can be thrown away at any time.

The documents are the truth. A row is taken from its document again as soon as that has another size
or time; an index that is broken, or of another version, is made anew; and where none can be written
one is made in memory.
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

from leakcheck.model.document_text import made_plain, refuse_unfit
from leakcheck.model.errors import StoreError
from leakcheck.model.files import refuse_link
from leakcheck.model.history import HistoryEntry
from leakcheck.model.protocol import OptionValue
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict

_VERSION = 1
"""Of the tables below. An index of another version is made anew."""

_COLUMNS = tuple(one.name for one in fields(HistoryEntry))
_TABLES = (
    "CREATE TABLE documents (path TEXT PRIMARY KEY, modified_ns INTEGER, size INTEGER, skipped TEXT)",
    f"CREATE TABLE records ({', '.join(_COLUMNS)})",
    "CREATE INDEX records_by_document ON records (document)",
)
_IN_MEMORY = ":memory:"
_NOT_OURS_TO_MEND = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""The file is in use, or cannot be written: it is left as it is."""

_MOST_SQLITE_INTEGER = 2**63 - 1
Read = Callable[[Path], Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the documents say, oldest run first."""

    records: tuple[HistoryEntry, ...]
    skipped: tuple[str, ...]
    """A sentence for each document that could not be read."""
    notices: tuple[str, ...]
    """What became of the index, if anything."""


def find_documents(folder: Path, name: str) -> list[Path]:
    """Return the run documents in a folder of runs; those that lie deeper belong to a comparison. Sorted."""
    # a link to another run's folder would count that one twice
    return sorted(
        path
        for pattern in (name, f"*/{name}")
        for path in folder.glob(pattern)
        if not path.is_dir() and (path.parent == folder or not path.parent.is_symlink())
    )


def gather(index: Path, documents: Sequence[Path], read: Read, *, rebuild: bool = False) -> History:
    """Return what the documents say, by the index where they did not change. `read` raises StoreError."""
    notices: list[str] = []
    if rebuild:
        _discard(index)
    for remedy in ("was broken, and is made anew", "cannot be used, and is left out"):
        try:
            _prepare(index)
            return _gathered(str(index), documents, read, notices)
        except (sqlite3.Error, ValueError, TypeError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _NOT_OURS_TO_MEND:
                notices = [f"{index}: cannot be used now, and is left out ({error})"]
                break
            notices = [f"{index}: {remedy} ({error})"]
            _discard(index)
        except OSError as error:
            notices = [f"{index}: cannot be written, and is left out ({error.strerror})"]
            break
        except StoreError as error:
            notices = [f"{error}; the index is left out"]
            break
    return _gathered(_IN_MEMORY, documents, read, notices)


def _prepare(index: Path) -> None:
    """Raise StoreError for an index that leads elsewhere: SQLite would write to whatever database it finds there."""
    index.parent.mkdir(parents=True, exist_ok=True)
    if index.parent.is_symlink():
        refuse_link(index.parent)
    refuse_link(index)
    # ours has no journal: one that lies there is of a version before, or a stranger's, and may name any file
    if any(os.path.lexists(path) for path in _beside(index)):
        _discard(index)


def _beside(index: Path) -> Iterator[Path]:
    """Yield the files that SQLite itself opens beside the index."""
    yield from (index.with_name(f"{index.name}{end}") for end in ("-journal", "-wal", "-shm"))


def _discard(index: Path) -> None:
    for path in (index, *_beside(index)):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _gathered(index: str, documents: Sequence[Path], read: Read, notices: Sequence[str]) -> History:
    with contextlib.closing(_open(index)) as connection:
        with connection:
            paths = [_refreshed(connection, document, read) for document in documents]
            _forget_the_gone(connection, paths)
        skipped = [
            sentence
            for path in paths
            for (sentence,) in connection.execute("SELECT skipped FROM documents WHERE path = ?", (path,))
            if sentence
        ]
        records = [record for path in paths for record in _records(connection, path)]
    # of runs that began in the same second the later one has the longer name, or the greater number of as many digits
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
    """Tell whether it has no tables yet, or ours. Raises ValueError where this version's are not as they were made."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    made = [text for (text,) in connection.execute("SELECT sql FROM sqlite_master") if text is not None]
    # a view or a trigger that somebody put there may compute for ever
    if version == _VERSION and sorted(made) != sorted(_TABLES):
        raise ValueError("its tables are not as they were made")
    return not made or version == _VERSION


def _refreshed(connection: sqlite3.Connection, document: Path, read: Read) -> str:
    """Make the index say what the document says, and return the path that it stands under."""
    path = str(document.absolute()).encode(errors="backslashreplace").decode()
    try:
        state = document.stat()
        seen = (state.st_mtime_ns, state.st_size)
    except OSError:
        seen = (0, 0)  # it went away just now; reading it says so
    known = connection.execute("SELECT modified_ns, size FROM documents WHERE path = ?", (path,)).fetchone()
    if known == seen:
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
        (path, *seen, sentence.encode(errors="backslashreplace").decode()),
    )
    marks = ", ".join("?" * len(_COLUMNS))
    connection.executemany(f"INSERT INTO records VALUES ({marks})", [_row(record) for record in records])
    return path


def _row(record: HistoryEntry) -> tuple[object, ...]:
    return tuple(
        value.encode(errors="backslashreplace").decode()
        if isinstance(value, str)
        else min(value, _MOST_SQLITE_INTEGER)
        if isinstance(value, int)
        else value
        for value in astuple(record)
    )


def _forget_the_gone(connection: sqlite3.Connection, there: Sequence[str]) -> None:
    # a path that is no UTF-8 stands in the index in other letters, and is there all the same
    known = connection.execute("SELECT path FROM documents").fetchall()
    gone = [(path,) for (path,) in known if path not in there and not Path(path).exists()]
    connection.executemany("DELETE FROM records WHERE document = ?", gone)
    connection.executemany("DELETE FROM documents WHERE path = ?", gone)


def _records(connection: sqlite3.Connection, path: str) -> Iterator[HistoryEntry]:
    """Yield the rows of one document. Raises ValueError or TypeError for a row that we did not write."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM records WHERE document = ?"
    for row in connection.execute(query, (path,)):
        said = dict(zip(_COLUMNS, row, strict=True))
        _check(said)
        dirty = said["git_dirty"]
        record = HistoryEntry(
            **{
                **said,
                "verdict": Verdict(said["verdict"]),
                "gate": Gate(said["gate"]),
                "git_dirty": None if dirty is None else bool(dirty),
            }
        )
        refuse_unfit(record)
        yield made_plain(record)


_NUMBERS = {"started_seconds", "growth_bytes_per_1000_calls", "growth_low", "growth_high", "peak_bytes", "p50_seconds"}
_REQUIRED = {"document", "started", "started_seconds", "environment", "scenario", "options"}


def _check(said: Mapping[str, object]) -> None:
    for name, value in said.items():
        kinds = (int, float) if name in _NUMBERS else (int,) if name == "git_dirty" else (str,)
        if not isinstance(value, kinds) and (value is not None or name in _REQUIRED):
            raise ValueError(f"{name} is {value!r:.40}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}")


def records_of(run: Run, document: str) -> Iterator[HistoryEntry]:
    """Yield a record for each result. Raises ValueError where nobody can tell when the run began."""
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
    def said(options: Mapping[str, OptionValue], prefix: str) -> list[str]:
        return [f"{prefix}{name}={json.dumps(value)}" for name, value in sorted(options.items())]

    same = result.growth_options == result.peak_options
    return ", ".join(said(result.growth_options, "") + ([] if same else said(result.peak_options, "peak.")))
