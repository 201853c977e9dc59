"""Calls of several costs, which keep nothing, on heaps of several sizes: what `cost.py` replays in every way.

Parsing is pure CPU and makes and frees many small objects, as most programs do.
"""

import json
from collections.abc import Callable, Iterator

from leakcheck.scenario import scenario

DOCUMENT = json.dumps([{"id": n, "name": f"row {n}", "tags": ["a", "b"]} for n in range(14)])


def parse(times: int) -> None:
    """Parse the document; once costs about 10 µs."""
    for _ in range(times):
        json.loads(DOCUMENT)


@scenario
def call_10_us() -> None:
    """Parse once."""
    parse(1)


@scenario
def call_1_ms() -> None:
    """Parse a hundred times."""
    parse(100)


@scenario
def call_20_ms() -> None:
    """Parse two thousand times."""
    parse(2000)


def beside(objects: int) -> Iterator[Callable[[], None]]:
    """Keep so many objects alive, all of them known to the collector, and parse for a millisecond beside them."""
    alive = [[] for _ in range(objects)]  # type: list[list[int]]
    yield lambda: parse(100)
    alive.clear()


@scenario
def heap_10_k() -> Iterator[Callable[[], None]]:
    """A small program."""
    yield from beside(10_000)


@scenario
def heap_300_k() -> Iterator[Callable[[], None]]:
    """A Django project with its libraries."""
    yield from beside(300_000)


@scenario
def heap_3_m() -> Iterator[Callable[[], None]]:
    """A service that holds its data in memory."""
    yield from beside(3_000_000)
