"""Small functions whose truth is plain, for what it costs to be right about all of them.

Two keep nothing, at 10 µs and at 1 ms a call. One fills a cache that ends. One loses an empty object at each call,
two lose a row of a thousand bytes, at each 10th call and at each 100th.

`leak_below_the_floor` is apart: an empty object at each 10th call, 2.4 bytes a call. leakcheck takes less than 4
bytes a call for standing still, psleak less than 16; it is shown what each tool makes of it, and counted nowhere.
"""

import itertools
import json
from functools import lru_cache

from leakcheck.scenario import scenario

DOCUMENT = json.dumps([{"id": n, "name": f"row {n}"} for n in range(20)])
NUMBERS = itertools.count(1)
KEPT: list[object] = []


def work(times: int = 1) -> None:
    """Make and free small objects for about 10 µs, so many times."""
    for _ in range(times):
        json.loads(DOCUMENT)


def each(calls: int) -> bool:
    """Tell whether this is one of so many calls."""
    return next(NUMBERS) % calls == 0


@scenario
def quiet_10_us() -> None:
    """Keep nothing."""
    work()


@scenario
def quiet_1_ms() -> None:
    """Keep nothing, and take longer over it."""
    work(100)


@scenario
def leak_each_call() -> None:
    """Keep an empty object at each call."""
    work()
    KEPT.append(object())


@scenario
def leak_each_10th_call() -> None:
    """Keep a row at each tenth call."""
    work()
    if each(10):
        KEPT.append(bytes(1000))


@scenario
def leak_each_100th_call() -> None:
    """Keep a row at each hundredth call."""
    work()
    if each(100):
        KEPT.append(bytes(1000))


@scenario
def leak_below_the_floor() -> None:
    """Keep an empty object at each tenth call."""
    work()
    if each(10):
        KEPT.append(object())


@lru_cache(maxsize=1024)
def page(number: int) -> str:
    """Return what is kept for the last 1024 numbers."""
    return f"page {number}" * 10


@scenario
def cache_of_1024() -> None:
    """Fill a cache that ends."""
    work()
    page(next(NUMBERS))


TRUTH = {
    "quiet_10_us": "clean",
    "quiet_1_ms": "clean",
    "cache_of_1024": "bounded",
    "leak_each_call": "leak",
    "leak_each_10th_call": "leak",
    "leak_each_100th_call": "leak",
}
"""In the order that a tool is asked: the cheapest first."""

APART = {"leak_below_the_floor": "leak"}
