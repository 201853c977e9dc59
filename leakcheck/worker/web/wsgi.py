"""Send a request to a WSGI application as a server does: read the body to its end, then close it."""

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from leakcheck.model.errors import ScenarioFailed
from leakcheck.worker.web.request import DEFAULT_HOST, MOST_KEPT_BYTES, PORTS, Request, Response

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def prepare(application: Application, request: Request) -> Callable[[], Response]:
    """Return a function that sends the request and returns the response, its body read to the end and closed."""
    environ = wsgi_environ(request)

    def send() -> Response:
        response = Response()
        body_start = bytearray()

        def take_chunk(chunk: bytes) -> None:
            # only the start of an error is kept: a server does not keep the body either
            if response.status >= 400 and len(body_start) < MOST_KEPT_BYTES:
                body_start.extend(chunk)

        def start_response(status: str, headers: Any, exc_info: object = None) -> Callable[[bytes], None]:
            response.status = int(status[:3])
            response.headers = headers
            return take_chunk

        # a copy, because applications write into it
        own_environ = {**environ, "wsgi.input": BytesIO(request.body), "wsgi.errors": sys.stderr}
        chunks = application(own_environ, start_response)
        try:
            for chunk in chunks:
                take_chunk(chunk)
        finally:
            # PEP 3333 requires it; here Django ends the request and releases its database connection
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        if not response.status:
            raise ScenarioFailed("the application never called start_response")
        response.body_start = bytes(body_start)
        return response

    return send


def wsgi_environ(request: Request) -> dict[str, Any]:
    """Return the request as a WSGI environ, without the body's stream."""
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers}
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        # PEP 3333: bytes decoded as latin-1
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": fields.pop("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": fields.pop("HTTP_CONTENT_LENGTH", ""),
        "SERVER_NAME": DEFAULT_HOST,
        "SERVER_PORT": str(PORTS[request.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **fields,
    }
