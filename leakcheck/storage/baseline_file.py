"""Read and write the baseline file."""

import json
import os
from pathlib import Path

import msgspec

from leakcheck.model.baseline import SCHEMA, Baseline
from leakcheck.model.document_text import replace_invalid_texts
from leakcheck.model.errors import StoreError
from leakcheck.model.files import read_file, refuse_link
from leakcheck.storage.document import decode_document, refuse_repeated, replace_file

_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_MERGE_MARK = b"\n<<<<<<< "


def load_baseline(path: Path) -> Baseline | None:
    """Return the baseline in a file, None if the file does not exist. Raises StoreError if it is no baseline."""
    if not os.path.lexists(path):
        return None
    data = read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="baseline we write")
    if _MERGE_MARK in b"\n" + data:
        raise StoreError(f"{path}: a merge left its marks in it; take one side, and run leakcheck baseline update")
    baseline = decode_document(path, data, Baseline, SCHEMA, "a baseline")
    refuse_repeated(path, data)
    for entries in baseline.environments.values():
        for name, entry in entries.items():
            if min(entry.growth_bytes_per_1000_calls or 0, entry.peak_bytes or 0) < 0:
                raise StoreError(f"{path}: is not a baseline (a figure of {name} is below 0)")
    return baseline


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write the baseline atomically. Raises StoreError, and then leaves the old file as it was."""
    data = encode_baseline(baseline)
    decode_document(path, data, Baseline, SCHEMA, "a baseline")  # never write what could not be loaded again
    refuse_link(path)
    replace_file(path, data)


def encode_baseline(baseline: Baseline) -> bytes:
    """Return the content of the file: sorted and one value per line for readable diffs; empty fields are left out."""
    document = msgspec.to_builtins(replace_invalid_texts(baseline))
    document["environments"] = {
        environment: {
            name: {field: value for field, value in entry.items() if value not in (None, "")}
            for name, entry in sorted(entries.items())
        }
        for environment, entries in sorted(document["environments"].items())
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
