"""What one reference can keep alive: closures, tracebacks, frames, threads, contexts, and the exit.

In most of these the thing that is kept is small and what hangs on it is not.
"""

import atexit
import itertools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from leakcheck.scenario import scenario

NUMBERS = itertools.count()
CALLBACKS: list[Callable[[], int]] = []
FAILURES: list[Exception] = []
CURSORS: list[Iterator[int]] = []
LOCAL = threading.local()


@scenario
def closure_in_callback_list() -> None:
    """Subscribe a closure and never unsubscribe; it holds what it closes over."""
    document = bytes(1000)
    CALLBACKS.append(lambda: len(document))


def parse(document: bytes) -> None:
    """Fail with the document still among the frame's local variables."""
    raise ValueError("not a document")


@scenario
def exception_with_traceback() -> None:
    """Collect errors for later; each has a traceback, whose frames hold their locals."""
    try:
        parse(bytes(3000))
    except ValueError as failure:
        FAILURES.append(failure)


def rows() -> Iterator[int]:
    """Yield from a buffer that lives in the generator's frame."""
    buffer = bytes(2000)
    yield from buffer


@scenario
def generator_abandoned() -> None:
    """Take one row, then keep the half-read generator: its frame keeps the buffer."""
    cursor = rows()
    next(cursor)
    CURSORS.append(cursor)


@scenario
def thread_local_growth() -> None:
    """Collect in a thread-local list, in a thread that never ends: this one."""
    if not hasattr(LOCAL, "messages"):
        LOCAL.messages = []
    LOCAL.messages.append(bytes(400))


class Span:
    """A tracing span that knows its parent."""

    __slots__ = ("attributes", "parent")

    def __init__(self, parent: "Span | None") -> None:
        self.parent = parent
        self.attributes = bytes(500)


CURRENT: ContextVar[Span | None] = ContextVar("CURRENT", default=None)


@scenario
def context_never_reset() -> None:
    """Enter a span without leaving it: the next one becomes its child, and so on."""
    CURRENT.set(Span(CURRENT.get()))


@scenario
def atexit_per_call() -> None:
    """Register a clean-up for each call; it and its argument wait for the end of the process."""
    atexit.register(len, bytes(1000))


class Cell:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self
        self.payload = bytes(1000)


@scenario
def cycles() -> None:
    """Leave a cycle behind; the collector takes it, only later."""
    Cell()
