"""Decode untrusted JSON documents, and write files atomically.

Each field is validated, its text escaped, and nothing unpickled. A process killed while it writes leaves the old file.
"""

import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import msgspec

from leakcheck.model.document_text import InvalidField, escape_text_fields, validate_fields
from leakcheck.model.errors import StoreError
from leakcheck.model.plain_text import shorten

_MAX_QUOTED_CHARACTERS = 200


class _VersionedDocument(Protocol):
    @property
    def schema(self) -> str: ...


DocumentT = TypeVar("DocumentT", bound=_VersionedDocument)


class _Header(msgspec.Struct):
    schema: str = ""


def decode_document(
    path: Path,
    data: bytes,
    kind: type[DocumentT],
    schema: str,
    what: str,
    upgrades: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
) -> DocumentT:
    """Return the document with every field validated. Raises StoreError; `what` completes "not …".

    `upgrades` has a function for each older schema that turns its documents, as plain dicts, into those of this one.
    """
    try:
        upgrade = upgrades.get(msgspec.json.decode(data, type=_Header).schema)
        if upgrade is None:
            document = msgspec.json.decode(data, type=kind)
        else:
            document = msgspec.convert(upgrade(msgspec.json.decode(data)), kind)
        if document.schema == schema:
            return validate_fields(document)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not {what} ({shorten(str(error), _MAX_QUOTED_CHARACTERS)})") from error
    raise StoreError(
        f"{path}: has the schema {shorten(document.schema, _MAX_QUOTED_CHARACTERS)!r}; this leakcheck reads {schema}"
    )


def refuse_repeated(path: Path, data: bytes) -> None:
    """Raise StoreError if a key occurs twice in an object of a file that people review.

    The last one counts in JSON, so a reviewer who reads the first would be misled.
    """

    def check_keys(pairs: list[tuple[str, object]]) -> None:
        names = [escape_text_fields(name) for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidField(
                f"{shorten(twice, _MAX_QUOTED_CHARACTERS)!r} occurs twice in an object; remove one of them"
            )

    try:
        json.loads(data, object_pairs_hook=check_keys, parse_int=lambda text: 0)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: {shorten(str(error), 2 * _MAX_QUOTED_CHARACTERS)}") from error


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
