"""Drive a WSGI application as a server does: read the body to its end, then close it."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any

from leakcheck.model.errors import ScenarioFailed
from leakcheck.worker.web.answer_counts import AnswerJudge
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.request import MOST_HOPS, MOST_KEPT_BYTES, Request, Response, environ_of, next_hop

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def visit(application: Application, exchange: Request, login: LoginPage, *, follow: bool) -> Callable[[], Response]:
    """Return a function that asks once and returns the answer; it raises ScenarioFailed for a wrong one."""
    environ, judge = environ_of(exchange), AnswerJudge(exchange, login)

    def call() -> Response:
        answer, last = ask(application, environ, exchange.body), exchange
        if follow:
            answer, last = _followed(application, exchange, answer, judge)
        judge.take(answer, last)
        return answer

    return call


def _followed(
    application: Application, asked: Request, answer: Response, judge: AnswerJudge
) -> tuple[Response, Request]:
    for _ in range(MOST_HOPS + 1):
        hop = next_hop(asked, answer)
        if hop is None:
            return answer, asked
        judge.pass_by(asked, answer)
        answer, asked = ask(application, environ_of(hop), hop.body), hop
    raise ScenarioFailed(f"it was redirected more than {MOST_HOPS} times, at last to {asked}")


def ask(application: Application, environ: Mapping[str, Any], body: bytes) -> Response:
    """Make one request and return the answer, its body read to the end and closed."""
    import sys

    answer = Response()
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
