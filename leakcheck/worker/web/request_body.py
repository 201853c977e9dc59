"""Encode the body of a request from `--data`: JSON, a form, a form with files, or the content of a file."""

import json
import os
from pathlib import Path
from urllib.parse import unquote_plus

from leakcheck.model.errors import StoreError, UsageError
from leakcheck.model.files import read_file

_FORM, _JSON, _MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data"
_BOUNDARY = "leakcheck-boundary"
_LARGEST_BODY_BYTES = 256 * 1024 * 1024


def encode_body(data: str, content_type: str = "") -> tuple[bytes, str]:
    """Return the body and its content type. The `content_type` of a header of the user's is kept.

    `name=@FILE` in a form sends that file. Raises UsageError for a file that cannot be read.
    """
    if data.startswith("@"):
        body = _read(data[1:], data)
        return body, content_type or (_JSON if _is_json(body) else _FORM)
    body = data.encode()
    media_type = content_type.partition(";")[0].strip().lower()
    if _is_json(body) or media_type not in ("", _MULTIPART):
        return body, content_type or _JSON
    if media_type != _MULTIPART and not any(value.startswith("@") for _, value in _fields(data)):
        return body, _FORM
    return _multipart(data)


def _fields(data: str) -> list[tuple[str, str]]:
    """Return the names and values of a form, not yet decoded, so that %40 stands for an `@` that names no file."""
    pairs = (field.partition("=") for field in data.split("&") if field)
    return [(name, value) for name, _, value in pairs]


def _multipart(data: str) -> tuple[bytes, str]:
    parts: list[tuple[str, bytes]] = []
    for name, value in _fields(data):
        disposition = f'Content-Disposition: form-data; name="{_quoted(unquote_plus(name))}"'
        if value.startswith("@"):
            path, _, part_type = unquote_plus(value[1:]).partition(";type=")
            file_name = _quoted(os.path.basename(path))
            header = f'{disposition}; filename="{file_name}"\r\nContent-Type: {part_type or _type_of(path)}'
            parts.append((header, _read(path, f"{name}={value}")))
        else:
            parts.append((disposition, unquote_plus(value).encode()))
    boundary = _BOUNDARY
    while any(boundary.encode() in content for _, content in parts):
        boundary += "-"
    pieces = [f"--{boundary}\r\n{header}\r\n\r\n".encode() + content + b"\r\n" for header, content in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode(), f"{_MULTIPART}; boundary={boundary}"


def _read(path: str, field: str) -> bytes:
    try:
        return read_file(Path(path), most_bytes=_LARGEST_BODY_BYTES, what="request body", follows_links=True)
    except StoreError as error:
        remedy = "" if field.startswith("@") else "; write %40 for an @ that names no file"
        raise UsageError(f"--data {field}: {error}{remedy}") from error


def _type_of(path: str) -> str:
    import mimetypes  # here, because its tables are large and few requests send a file

    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _quoted(text: str) -> str:
    """Return a name escaped as browsers do between quotation marks."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _is_json(body: bytes) -> bool:
    if body[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
