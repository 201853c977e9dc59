"""Undo after each replay what a test leaves with Django's test tools. Django itself is never imported here."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

Step = Callable[[], None]
BeforeAfter = tuple[Step | None, Step | None]
"""What to do before each replay, and what to do after it."""


def mails(item: pytest.Item) -> Iterator[BeforeAfter]:
    """Remove the mails of a replay from the outbox."""
    mail = sys.modules.get("django.core.mail")
    if hasattr(mail, "outbox"):
        before = len(mail.outbox)  # type: ignore[union-attr]

        def forget() -> None:
            del mail.outbox[before:]  # type: ignore[union-attr]

        yield None, forget


def transactions(item: pytest.Item) -> Iterator[BeforeAfter]:
    """Open a savepoint for each replay, and roll back to it, if the test runs in a transaction."""
    database = sys.modules.get("django.db")
    for connection in database.connections.all(initialized_only=True) if database is not None else ():
        if connection.in_atomic_block:
            yield _savepoint(connection)


def _savepoint(connection: Any) -> BeforeAfter:
    atomic = sys.modules["django.db.transaction"].Atomic
    blocks: list[Any] = []
    queries = len(connection.queries_log)

    def begin() -> None:
        block = atomic(connection.alias, True, False)
        block._from_testcase = True  # so that it may contain a durable block, as Django's own may
        block.__enter__()
        blocks.append(block)

    def roll_back() -> None:
        if connection.in_atomic_block:
            connection.needs_rollback = True
        blocks.pop().__exit__(None, None, None)
        while len(connection.queries_log) > queries:
            connection.queries_log.pop()

    return begin, roll_back


class _StrongSignal:
    """A signal that connects receivers strongly: each weak receiver leaves a finalizer behind."""

    def __init__(self, signal: Any) -> None:
        self._signal = signal
        self.disconnect = signal.disconnect

    def connect(self, receiver: object) -> None:
        self._signal.connect(receiver, weak=False)


@contextmanager
def same_receivers() -> Iterator[None]:
    """Keep `assertNumQueries` from leaving something behind: it connects a receiver again each time that it ends."""
    tools = sys.modules.get("django.test.utils")
    signal = getattr(tools, "request_started", None)
    if signal is None:
        yield
        return
    tools.request_started = _StrongSignal(signal)  # type: ignore[union-attr]
    try:
        yield
    finally:
        tools.request_started = signal  # type: ignore[union-attr]
        receiver = getattr(tools, "reset_queries", None)
        if receiver is not None and signal.disconnect(receiver):
            signal.connect(receiver)
