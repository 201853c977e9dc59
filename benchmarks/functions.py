"""Small functions whose truth is plain, for what it costs to be right about all of them.

Two keep nothing, at 10 µs and at 1 ms a call. Three lose one object: at each call, at each 10th, at each 100th.
One fills a cache that ends.
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


def lose_one_in(calls: int) -> None:
    """Keep an object, once in so many calls."""
    work()
    if next(NUMBERS) % calls == 0:
        KEPT.append(object())


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
    """Keep an object at each call."""
    lose_one_in(1)


@scenario
def leak_each_10th_call() -> None:
    """Keep an object at each tenth call."""
    lose_one_in(10)


@scenario
def leak_each_100th_call() -> None:
    """Keep an object at each hundredth call."""
    lose_one_in(100)


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
