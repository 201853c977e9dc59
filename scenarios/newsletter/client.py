"""Requests straight into the WSGI handler, as a server makes them.

Never through django.test.Client: it connects a signal receiver at every request and leaves 1000
bytes behind each time, which would be measured as a leak of the view.
"""

import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from urllib.parse import urlencode
from wsgiref.types import WSGIEnvironment

from django.core.handlers.wsgi import WSGIHandler


def post(application: WSGIHandler, path: str, fields: Mapping[str, str]) -> bytes:
    """Post a form to `path` and return the answer's body. Raises RuntimeError unless the answer is 200 OK."""
    statuses: list[str] = []
    chunks: list[bytes] = []

    def start_response(status: str, _headers: object, _exc_info: object = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return chunks.append

    response = application(_environ(path, urlencode(fields).encode()), start_response)
    try:
        chunks.extend(response)
    finally:
        response.close()  # a server's duty: this is where Django ends the request and lets its database connection go
    body = b"".join(chunks)
    if statuses != ["200 OK"]:
        raise RuntimeError(f"POST {path} answered {', '.join(statuses)}: {body[:200]!r}")
    return body


def _environ(path: str, form: bytes) -> WSGIEnvironment:
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(form)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(form),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
