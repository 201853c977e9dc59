"""Decode documents that a stranger may have written: each field is checked against the model, its text made plain.

Nothing is ever unpickled.
"""

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from leakcheck.model.baseline import Baseline
from leakcheck.model.document_text import UnfitDocument, made_plain, refuse_unfit
from leakcheck.model.errors import StoreError
from leakcheck.model.plain_text import cut
from leakcheck.model.run import Run

_LONGEST_REASON = 200
_Document = TypeVar("_Document", Run, Baseline)


def decode_document(path: Path, data: bytes, kind: type[_Document], schema: str, what: str) -> _Document:
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
