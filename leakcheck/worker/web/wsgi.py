"""Drive a WSGI application as a server does: read the body to its end, then close it."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any

from leakcheck.errors import ScenarioFailed
from leakcheck.worker.web.exchange import (
    MOST_HOPS,
    MOST_KEPT_BYTES,
    Answer,
    Exchange,
    check,
    environ_of,
    next_hop,
)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def visit(application: Application, exchange: Exchange, *, follow: bool) -> Callable[[], Answer]:
    """Return a function that asks once and returns the answer; it raises ScenarioFailed for a wrong one."""
    environ = environ_of(exchange)

    def call() -> Answer:
        answer = ask(application, environ, exchange.body)
        if follow:
            answer = _followed(application, exchange, answer)
        check(exchange, answer)
        return answer

    return call


def _followed(application: Application, exchange: Exchange, answer: Answer) -> Answer:
    hop = next_hop(exchange, answer)
    for _ in range(MOST_HOPS):
        if hop is None:
            return answer
        answer = ask(application, environ_of(hop), hop.body)
        hop = next_hop(hop, answer)
    raise ScenarioFailed(f"it was redirected more than {MOST_HOPS} times, at last to {hop}")


def ask(application: Application, environ: Mapping[str, Any], body: bytes) -> Answer:
    """Make one request and return the answer, its body read to the end and closed."""
    import sys

    answer = Answer()
    kept = bytearray()

    def take(chunk: bytes) -> None:
        # what is fine is forgotten at once: a server keeps none of it either
        if answer.status >= 400 and len(kept) < MOST_KEPT_BYTES:
            kept.extend(chunk)

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        answer.status = int(status[:3])
        answer.headers = headers
        return take

    # a copy: applications write into it
    chunks = application({**environ, "wsgi.input": BytesIO(body), "wsgi.errors": sys.stderr}, start_response)
    try:
        for chunk in chunks:
            take(chunk)
    finally:
        # a server's duty: this is where Django ends the request and lets its database connection go
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    if not answer.status:
        raise ScenarioFailed("the application never called start_response")
    answer.beginning = bytes(kept)
    return answer
