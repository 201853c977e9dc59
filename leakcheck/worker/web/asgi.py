"""Send a request to an ASGI application as a server does, and run the start-up and shutdown of its lifespan."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from leakcheck.model.errors import ScenarioFailed
from leakcheck.worker.web.request import DEFAULT_HOST, MOST_KEPT_BYTES, PORTS, Request, Response

Message = dict[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
State = dict[str, Any] | None
"""What start-up left for the requests; None if the application does not support the lifespan protocol."""


def prepare(application: Application, request: Request, *, state: State = None) -> Callable[[], Awaitable[Response]]:
    """Return a coroutine function that sends the request and returns the response.

    It raises ScenarioFailed if the response is never completed.
    """
    scope = asgi_scope(request)

    async def send_request() -> Response:
        response = Response()
        body_start = bytearray()
        sent = False
        finished = asyncio.Event()

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": request.body, "more_body": False}
            # like a browser that waits: the application must not see a disconnect before the response is complete
            await finished.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
                response.headers = [
                    (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                    for name, value in message.get("headers", ())
                ]
            elif message["type"] == "http.response.body":
                if response.status >= 400 and len(body_start) < MOST_KEPT_BYTES:
                    body_start.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    finished.set()

        # copies of the scope and of the state, because applications write into them
        await application({**scope, **({} if state is None else {"state": dict(state)})}, receive, send)
        if not finished.is_set():
            raise ScenarioFailed("the application returned before its answer was complete")
        response.body_start = bytes(body_start)
        return response

    return send_request


def asgi_scope(request: Request) -> dict[str, Any]:
    """Return the request as an ASGI scope, without the state that start-up left."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers],
        "client": ("127.0.0.1", 40000),
        "server": (DEFAULT_HOST, PORTS[request.scheme]),
    }


@asynccontextmanager
async def lifespan(application: Application) -> AsyncIterator[State]:
    """Start the application up, yield its state for requests, and shut it down.

    An application that returns or raises before it answers does not support lifespans, as servers assume too.
    Raises ScenarioFailed if start-up or shutdown fails.
    """
    state: dict[str, Any] = {}
    to_application: asyncio.Queue[Message] = asyncio.Queue()
    from_application: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}

    async def live() -> None:
        await application(scope, to_application.get, from_application.put)

    async def step(name: str) -> bool:
        """Tell the application to start up or to shut down; return whether it answered."""
        await to_application.put({"type": f"lifespan.{name}"})
        reply = asyncio.create_task(from_application.get())
        tasks: list[asyncio.Task[Any]] = [reply, task]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            return False
        message = reply.result()
        if message["type"] == f"lifespan.{name}.failed":
            raise ScenarioFailed(f"the application's lifespan.{name} failed: {message.get('message', '')}")
        return True

    task = asyncio.create_task(live())
    has_lifespan = await step("startup")
    try:
        yield state if has_lifespan else None
        if has_lifespan:
            await step("shutdown")
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # or asyncio would log that it was never retrieved
