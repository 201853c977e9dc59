"""Call a WSGI application as a server does: read the body to its end, then close it."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any

from leakcheck.model.errors import ScenarioFailed
from leakcheck.worker.web.answer_counts import ResponseChecker
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.request import MOST_HOPS, MOST_KEPT_BYTES, Request, Response, next_hop, wsgi_environ

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def make_call(
    application: Application, request: Request, login_page: LoginPage, *, follow: bool
) -> Callable[[], Response]:
    """Return a function that makes the request once; it raises ScenarioFailed for a wrong response."""
    environ, checker = wsgi_environ(request), ResponseChecker(request, login_page)

    def call() -> Response:
        response, last = send_request(application, environ, request.body), request
        if follow:
            response, last = _follow_redirects(application, request, response, checker)
        checker.check_final(response, last)
        return response

    return call


def _follow_redirects(
    application: Application, request: Request, response: Response, checker: ResponseChecker
) -> tuple[Response, Request]:
    for _ in range(MOST_HOPS + 1):
        hop = next_hop(request, response)
        if hop is None:
            return response, request
        checker.check_redirect(request, response)
        response, request = send_request(application, wsgi_environ(hop), hop.body), hop
    raise ScenarioFailed(f"it was redirected more than {MOST_HOPS} times, at last to {request}")


def send_request(application: Application, environ: Mapping[str, Any], body: bytes) -> Response:
    """Make one request and return the response, its body read to the end and closed."""
    import sys

    response = Response()
    body_start = bytearray()

    def take_chunk(chunk: bytes) -> None:
        # only the start of an error is kept: a server does not keep the body either
        if response.status >= 400 and len(body_start) < MOST_KEPT_BYTES:
            body_start.extend(chunk)

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        response.status = int(status[:3])
        response.headers = headers
        return take_chunk

    # a copy, because applications write into it
    chunks = application({**environ, "wsgi.input": BytesIO(body), "wsgi.errors": sys.stderr}, start_response)
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
