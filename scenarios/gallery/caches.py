"""Caches without a limit, and caches that have one.

A cache with a limit takes memory in a straight line until it is full, as a leak does; what tells
them apart is the limit, or patience.
"""

import itertools
import re
import weakref
from functools import lru_cache

from leakcheck.scenario import scenario

NUMBERS = itertools.count()
BY_NUMBER: dict[int, bytes] = {}


@lru_cache(maxsize=None)  # noqa: UP033 - as people write it
def render_unbounded(number: int) -> bytes:
    """Return a page of 2 KB, for ever."""
    return bytes(2000)


@scenario
def lru_cache_without_limit() -> None:
    """Call a cached function with an argument that never comes twice."""
    render_unbounded(next(NUMBERS))


class PriceList:
    """A service object, made anew for each request."""

    def __init__(self) -> None:
        self.prices = bytes(2000)

    @lru_cache(maxsize=None)  # noqa: B019, UP033 - the trap itself
    def total(self, amount: int) -> int:
        """Return a total. The cache's key holds `self`, and `self` is new at every call."""
        return amount * len(self.prices)


@scenario
def lru_cache_on_method() -> None:
    """Cache a method: the cache outlives the object, so the object never dies."""
    PriceList().total(3)


@lru_cache(maxsize=1024)
def render_1024(number: int) -> bytes:
    """Return a page of 400 bytes, and keep 1024 of them."""
    return bytes(400)


@scenario
def lru_cache_1024() -> None:
    """Fill a cache of 1024 entries; from then on each new entry takes an old one's place."""
    render_1024(next(NUMBERS))


@scenario
def re_cache() -> None:
    """Compile a pattern that is always new; `re` keeps 512 of them."""
    re.compile(f"id-{next(NUMBERS)}")


@scenario
def cache_cleared_every_700_calls() -> None:
    """Fill a cache that is emptied every 700 calls, as a periodic job does."""
    number = next(NUMBERS)
    BY_NUMBER[number] = bytes(500)
    if number % 700 == 699:
        BY_NUMBER.clear()


class Session:
    """Lives as long as the call that made it."""

    def __init__(self) -> None:
        self.data = bytes(1000)


SESSIONS: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()


@scenario
def weak_value_dictionary() -> None:
    """Register a session weakly: the registry forgets it with the call."""
    session = Session()
    SESSIONS[next(NUMBERS)] = session
