"""Drive an ASGI application as a server does, start-up and shutdown of its lifespan included."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from leakcheck.model.errors import ScenarioFailed
from leakcheck.worker.web.answer_counts import AnswerJudge
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.request import MOST_HOPS, MOST_KEPT_BYTES, Request, Response, next_hop, scope_of

Message = dict[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
State = dict[str, Any] | None
"""What start-up left for the requests; None where the application knows no lifespan."""


def visit(
    application: Application, exchange: Request, login: LoginPage, *, follow: bool, state: State = None
) -> Callable[[], Awaitable[Response]]:
    """Return a coroutine function that asks once; awaiting it raises ScenarioFailed for a wrong answer."""
    scope, judge = scope_of(exchange, state), AnswerJudge(exchange, login)

    async def call() -> Response:
        answer, last = await ask(application, scope, exchange.body), exchange
        if follow:
            answer, last = await _followed(application, exchange, answer, judge, state)
        judge.take(answer, last)
        return answer

    return call


async def _followed(
    application: Application, asked: Request, answer: Response, judge: AnswerJudge, state: State
) -> tuple[Response, Request]:
    for _ in range(MOST_HOPS + 1):
        hop = next_hop(asked, answer)
        if hop is None:
            return answer, asked
        judge.pass_by(asked, answer)
        answer, asked = await ask(application, scope_of(hop, state), hop.body), hop
    raise ScenarioFailed(f"it was redirected more than {MOST_HOPS} times, at last to {asked}")


async def ask(application: Application, scope: Mapping[str, Any], body: bytes) -> Response:
    """Make one request and return the answer, once the application has returned."""
    answer = Response()
    kept = bytearray()
    asked = False
    answered = asyncio.Event()

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        # as a browser that waits: who listens for it going away must not hear that before the answer is there
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
        elif message["type"] == "http.response.body":
            if answer.status >= 400 and len(kept) < MOST_KEPT_BYTES:
                kept.extend(message.get("body", b""))
            if not message.get("more_body", False):
                answered.set()

    # a copy, and of the state another: applications write into them
    state = scope.get("state")
    await application({**scope, **({} if state is None else {"state": dict(state)})}, receive, send)
    if not answered.is_set():
        raise ScenarioFailed("the application returned before its answer was complete")
    answer.beginning = bytes(kept)
    return answer


@asynccontextmanager
async def lifespan(application: Application) -> AsyncIterator[State]:
    """Start the application up, yield what it leaves for its requests, and shut it down.

    An application that ends or raises before it has answered knows no lifespan; servers let it be, too.
    Raises ScenarioFailed where start-up or shutdown fails.
    """
    state: dict[str, Any] = {}
    to_application: asyncio.Queue[Message] = asyncio.Queue()
    from_application: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}

    async def live() -> None:
        await application(scope, to_application.get, from_application.put)

    life = asyncio.create_task(live())
    known = await _step("startup", life, to_application, from_application)
    try:
        yield state if known else None
        if known:
            await _step("shutdown", life, to_application, from_application)
    finally:
        life.cancel()
        await asyncio.wait([life])
        if not life.cancelled():
            life.exception()  # so that nobody complains that it was never looked at


async def _step(
    step: str, life: "asyncio.Task[None]", out: "asyncio.Queue[Message]", back: "asyncio.Queue[Message]"
) -> bool:
    """Tell the application to start or to end; return whether it answered that it did."""
    await out.put({"type": f"lifespan.{step}"})
    answer = asyncio.create_task(back.get())
    either: list[asyncio.Task[Any]] = [answer, life]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        return False
    message = answer.result()
    if message["type"] == f"lifespan.{step}.failed":
        raise ScenarioFailed(f"the application's lifespan.{step} failed: {message.get('message', '')}")
    return True
