"""Caches without a limit, and caches that have one.

A cache with a limit takes memory in a straight line until it is full, as a leak does; what tells
them apart is the limit, or patience.
"""

import itertools
import re
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import lru_cache

from leakcheck import limited
from leakcheck.scenario import scenario

NUMBERS = itertools.count()
BY_NUMBER: dict[int, bytes] = {}


@lru_cache(maxsize=None)  # noqa: UP033 - as people write it
def render_unbounded(number: int) -> bytes:
    """Return a page of 2 KB, forever."""
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


class Pages:
    """A cache of one's own with a limit: the oldest page goes when there are too many."""

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        self.pages: OrderedDict[int, bytes] = OrderedDict()

    def add(self, number: int, page: bytes) -> None:
        """Keep a page."""
        self.pages[number] = page
        if len(self.pages) > self.maxsize:
            self.pages.popitem(last=False)


class HoardedPages(Pages):
    """The look-alike: it has the number, and nobody looks at it."""

    def add(self, number: int, page: bytes) -> None:
        """Keep a page."""
        self.pages[number] = page


class ShelvedPages:
    """A cache that counts in shelves of ten, and keeps its limit where nobody would look for it."""

    def __init__(self, shelves: int) -> None:
        self._room = (shelves,)
        self._shelves: dict[int, list[bytes]] = {}

    def add(self, number: int, page: bytes) -> None:
        """Keep a page."""
        self._shelves.setdefault(number // 10, []).append(page)
        if len(self._shelves) > self._room[0]:
            del self._shelves[next(iter(self._shelves))]


limited(ShelvedPages, entries="_shelves", limit=lambda cache: cache._room[0])


@scenario
def own_cache_with_maxsize() -> Iterator[Callable[[], None]]:
    """Fill a cache of one's own; it is far from full when the replay ends."""
    pages = Pages(maxsize=40_000)
    yield lambda: pages.add(next(NUMBERS), bytes(400))


@scenario
def own_cache_that_ignores_maxsize() -> Iterator[Callable[[], None]]:
    """Fill the look-alike: a number that is called maxsize is no limit."""
    pages = HoardedPages(maxsize=40_000)
    yield lambda: pages.add(next(NUMBERS), bytes(400))


@scenario
def own_cache_taught() -> Iterator[Callable[[], None]]:
    """Fill a cache whose limit only `limited(...)` tells."""
    pages = ShelvedPages(shelves=4000)
    yield lambda: pages.add(next(NUMBERS), bytes(400))
