"""A scenario as a WSGI and as an ASGI application: each request for `/call` makes one call.

The parts of its responses are made beforehand, because none can be made when memory runs out.
"""

import os
from collections.abc import Callable, Iterable
from inspect import isawaitable
from threading import Lock
from typing import Any

from leakcheck.model.errors import WrongAnswer
from leakcheck.worker.load import Call, LoadedScenario

CALL = "/call"
FAILURE_HEADER, WORKER_HEADER = "X-Leakcheck-Failure", "X-Leakcheck-Worker"
_MOST_CHARACTERS = 200
_OTHER_BYTES = 64 * 1024


def failure_kind(error: BaseException) -> str:
    """Return `answered 302` for a response with that unexpected status, otherwise the exception's class and message.

    The message is cut after 200 characters, and characters that a header cannot hold are replaced.
    """
    if isinstance(error, WrongAnswer):
        return f"answered {error.status}"
    try:
        text = str(error)[:_MOST_CHARACTERS]
    except Exception:
        text = ""
    name = type(error).__name__
    return "".join(letter if " " <= letter <= "~" else "?" for letter in f"{name}: {text}" if letter) if text else name


def other_work() -> None:
    """Do the work of the other requests to the worker: build a page of text and drop it."""
    b" ".join([b"leakcheck"] * (_OTHER_BYTES // 10))


class WsgiApp:
    """The scenario as a WSGI application."""

    def __init__(self, scenario: LoadedScenario) -> None:
        self._scenario = scenario  # keeps its generator from being collected, and so torn down
        self._call: Call = self._first
        self._lock = Lock()
        self._headers = [("Content-Type", "text/plain"), ("Content-Length", "2"), (WORKER_HEADER, str(os.getpid()))]
        self._no_memory = [*self._headers, (FAILURE_HEADER, "MemoryError")]

    def _first(self) -> None:
        """Make the first call; if it fails, the next request makes the first call again."""
        with self._lock:
            if self._call == self._first:
                self._call = self._scenario.first_call()
                return
        self._call()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Make one call, or do other work; a failure is named in a header of the response."""
        try:
            if environ["PATH_INFO"] == CALL:
                self._call()
            else:
                other_work()
        except MemoryError:
            start_response("500 Internal Server Error", self._no_memory)
            return (b"no",)
        except Exception as error:
            start_response("500 Internal Server Error", [*self._headers, (FAILURE_HEADER, failure_kind(error))])
            return (b"no",)
        start_response("200 OK", self._headers)
        return (b"ok",)


class AsgiApp:
    """The scenario as an ASGI application: an `async def` scenario is awaited in the server's own event loop."""

    def __init__(self, scenario: LoadedScenario) -> None:
        self._scenario = scenario
        self._call = scenario.raw_call
        worker = (WORKER_HEADER.lower().encode(), str(os.getpid()).encode())
        self._headers = [(b"content-type", b"text/plain"), (b"content-length", b"2"), worker]
        self._no_memory = [*self._headers, (FAILURE_HEADER.lower().encode(), b"MemoryError")]

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Make one call, or do other work; a failure is named in a header of the response."""
        if scope["type"] != "http":
            return
        status, headers = 200, self._headers
        try:
            if scope["path"] == CALL:
                result = self._call()
                if isawaitable(result):
                    await result
            else:
                other_work()
        except MemoryError:
            status, headers = 500, self._no_memory
        except Exception as error:
            status = 500
            headers = [*self._headers, (FAILURE_HEADER.lower().encode(), failure_kind(error).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok" if status == 200 else b"no"})
