"""What leakcheck does not measure of a send: `python -m scenarios.newsletter.probe '{"variant": "naive", ...}'`.

Prints, as JSON, the time to the first row, the peak that tracemalloc sees, and what PostgreSQL wrote to
temporary files meanwhile. It takes the scenario's arguments, and wants a process of its own.
"""

import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from scenarios.newsletter.scenario import newsletter

_SETTLING_SECONDS = 0.5
"""A server's process tells its figures when it ends, shortly after the request has let it go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One send, looked at in three ways."""

    first_row_seconds: float
    """From the request to the first recipient; a transaction's or a connection's start is in it."""
    traced_peak_bytes: int
    """The high-water mark of tracemalloc: what Python allocated, and nothing that a driver's C library did."""
    server_temporary_bytes: int | None
    """PostgreSQL's temporary files; None on the others."""


def probe(arguments: dict[str, Any]) -> Seen:
    """Return what was seen of one send each, after one to warm up."""
    for call in newsletter(**arguments):
        call()
        before = _temporary_bytes()
        first_row_seconds = _time_to_first_row(call)
        after = _temporary_bytes()
        tracemalloc.start()
        call()
        _, traced_peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return Seen(
        first_row_seconds=first_row_seconds,
        traced_peak_bytes=traced_peak_bytes,
        server_temporary_bytes=None if before is None or after is None else after - before,
    )


def _time_to_first_row(call: Callable[[], None]) -> float:
    from scenarios.newsletter import views

    view, came = vars(views), []
    deliver = view["deliver"]

    def deliver_and_look(recipients: Iterable[tuple[str, str]]) -> int:
        rest: Iterator[tuple[str, str]] = iter(recipients)
        first = next(rest)
        came.append(time.perf_counter())
        sent: int = deliver(chain([first], rest))
        return sent

    view["deliver"] = deliver_and_look
    try:
        began = time.perf_counter()
        call()
    finally:
        view["deliver"] = deliver
    return came[0] - began


def _temporary_bytes() -> int | None:
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    time.sleep(_SETTLING_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()")
        (written,) = cursor.fetchone()
    connection.close()
    return int(written)


if __name__ == "__main__":
    print(json.dumps(asdict(probe(json.loads(sys.argv[1])))))
