"""Calls of several costs, which keep nothing: what `overhead.py` replays with and without meters.

Parsing is pure CPU and makes and frees many small objects, as most programs do.
"""

import json

from leakcheck.scenario import scenario

DOCUMENT = json.dumps([{"id": n, "name": f"row {n}", "tags": ["a", "b"]} for n in range(28)])


def parse(times: int) -> None:
    """Parse the document; once costs about 20 µs."""
    for _ in range(times):
        json.loads(DOCUMENT)


@scenario
def nothing() -> None:
    """Do nothing: what is left is the cost of a worker."""


@scenario
def about_20_us() -> None:
    """Parse once."""
    parse(1)


@scenario
def about_100_us() -> None:
    """Parse five times."""
    parse(5)


@scenario
def about_1_ms() -> None:
    """Parse fifty times."""
    parse(50)


@scenario
def about_5_ms() -> None:
    """Parse 250 times."""
    parse(250)
