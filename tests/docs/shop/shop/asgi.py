"""The shop as an ASGI application: it takes orders."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer POST /orders with 201, and everything else with 200."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    ordered = scope["path"] == "/orders"
    answer = json.dumps({"ordered": json.loads(body) if ordered and body else {}}).encode()
    await send({"type": "http.response.start", "status": 201 if ordered else 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})
