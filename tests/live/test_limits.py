"""Caches that are not full yet, and what only looks like one: told apart by the real command."""

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from tests.live.beside import run_beside_healthy
from tests.live.command import Leakcheck, Ran

FILLS = """
import itertools, time
from collections import OrderedDict
from leakcheck import limited, scenario

COUNT = itertools.count(1000)

class Pages:
    def __init__(self, maxsize):
        self.maxsize, self.pages = maxsize, OrderedDict()

    def add(self, number, page):
        self.pages[number] = page
        if len(self.pages) > self.maxsize:
            self.pages.popitem(last=False)

class Hoard(Pages):
    def add(self, number, page):
        self.pages[number] = page

class Module:
    LIMIT, cache = 9000, {{}}

    @classmethod
    def add(cls, number, page):
        if len(cls.cache) >= cls.LIMIT:
            cls.cache.clear()
        cls.cache[number] = page

{setup}

@scenario
def fills():
    time.sleep(0.001)  # too dear to wait until it is full
    {statement}
"""


def run_filling(leakcheck: Leakcheck, setup: str, statement: str) -> Ran:
    leakcheck.write("fills.py", FILLS.format(setup=setup, statement=statement))
    return leakcheck.run("fills.py")


@pytest.mark.parametrize(
    ("setup", "statement", "name", "kind"),
    [
        (
            "from jinja2.utils import LRUCache\nCACHE = LRUCache(9000)",
            "CACHE[next(COUNT)] = [1]",
            "fills.CACHE._mapping",
            "LRUCache(capacity=9000)",
        ),
        (
            "from django.conf import settings\nsettings.configure()\n"
            "from django.core.cache.backends.locmem import LocMemCache\nCACHE = LocMemCache('', {'max_entries': 9000})",
            "CACHE.set(str(next(COUNT)), bytes(500))",
            ("locmem._caches[*]", "fills.CACHE._cache"),
            "LocMemCache(max_entries=9000)",
        ),
        (
            "import cachetools\nCACHE = cachetools.TTLCache(9000, ttl=3600)",
            "CACHE[next(COUNT)] = [1]",
            "fills.CACHE._Cache__data",
            "TTLCache(maxsize=9000)",
        ),
        (
            "CACHE = Pages(9000)",
            "CACHE.add(next(COUNT), [1])",
            "fills.CACHE.pages",
            "OrderedDict kept to .maxsize=9000",
        ),
        ("", "Module.add(next(COUNT), [1])", "fills.Module.cache", "dict kept to .LIMIT=9000"),
        (
            "CACHE = Hoard(-1)\nlimited(Hoard, entries='pages', limit=9000)",
            "CACHE.add(next(COUNT), [1])",
            "fills.CACHE.pages",
            "Hoard(limit=9000)",
        ),
    ],
    ids=["jinja2", "django", "cachetools", "proved", "proved for a class", "taught"],
)
def test_a_cache_that_is_not_full_yet_is_bounded_and_its_limit_is_named(
    leakcheck: Leakcheck, setup: str, statement: str, name: str | tuple[str, ...], kind: str
) -> None:
    ran = run_filling(leakcheck, setup, statement)
    assert (ran.result.verdict, ran.result.gate, ran.result.failure) == (Verdict.BOUNDED, Gate.WITHIN, None)
    holder = ran.result.bounded_by
    assert holder is not None
    assert holder.name.endswith(name)
    assert (holder.kind, holder.limit) == (kind, 9000)
    assert 1000 < holder.length < 9000
    assert holder.length_per_call == pytest.approx(1, rel=0.05)
    assert ran.code == ExitCode.WITHIN


@pytest.mark.parametrize("limit", [1500, 1560, 1650])
def test_a_limit_that_is_reached_as_the_replay_ends_is_still_one(leakcheck: Leakcheck, limit: int) -> None:
    setup = f"import collections\nCACHE = collections.deque(maxlen={limit})"
    ran = run_filling(leakcheck, setup, "CACHE.append(bytes(300))")
    assert (ran.result.verdict, ran.result.gate) == (Verdict.BOUNDED, Gate.WITHIN)


def test_a_limit_in_units_of_its_own_is_told_in_them(leakcheck: Leakcheck) -> None:
    ran = run_filling(
        leakcheck,
        "import cachetools\nCACHE = cachetools.LRUCache(9_000_000, getsizeof=len)",
        "CACHE[next(COUNT)] = bytes(1000)",
    )
    holder = ran.result.bounded_by
    assert holder is not None
    assert holder.limit == 9_000_000
    assert holder.length_per_call == pytest.approx(1000, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setup", "statement"),
    [
        ("CACHE = Hoard(9000)", "CACHE.add(next(COUNT), [1])"),
        ("import queue\nCACHE = queue.Queue(9000)", "CACHE.put([1])"),
        ("CACHE = Pages(9000); KEPT = []", "CACHE.add(next(COUNT), [1]); KEPT.append([1])"),
        ("CACHE = Pages(9000)", "CACHE.add(next(COUNT), [1]); Module.cache[next(COUNT)] = [1]"),
        ("import collections\nLOG = collections.deque(maxlen=10**9)", "LOG.append([bytes(2000)])"),
        ("import collections\nLOG, KEPT = collections.deque(maxlen=1560), []", "LOG.append([1]); KEPT.append([1])"),
        ("import functools\nLOG = functools.lru_cache(500)(bytes)\nKEPT = []", "LOG(next(COUNT)); KEPT.append([1])"),
    ],
    ids=[
        "a maxsize that is ignored",
        "a queue that will block",
        "a leak beside it",
        "two of which one",
        "out of reach",
        "full at the end, and a leak",
        "full, and a leak",
    ],
)
def test_what_only_looks_limited_is_a_leak(leakcheck: Leakcheck, setup: str, statement: str) -> None:
    ran = run_filling(leakcheck, setup, statement)
    assert (ran.result.verdict, ran.result.gate, ran.result.bounded_by) == (Verdict.LEAK, Gate.OVER, None)
    assert ran.result.failure is None
    assert ran.code == ExitCode.OVER_BUDGET


def test_a_tear_down_that_misses_what_was_emptied_costs_nothing(leakcheck: Leakcheck) -> None:
    bad = """
    import functools, itertools, time
    from collections import deque
    from leakcheck import scenario

    COUNT = itertools.count(1000)

    @scenario
    def bad():
        log = deque(maxlen=9000)
        def call():
            time.sleep(0.001)
            log.append([1])
        yield call
        log.popleft().append(2)
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert (ran["bad"].verdict, ran["bad"].gate, ran["bad"].failure) == (Verdict.BOUNDED, Gate.WITHIN, None)


@pytest.mark.parametrize("calls", [140, 150, 160])
def test_what_became_full_a_moment_before_the_end_is_no_leak_and_hides_none(leakcheck: Leakcheck, calls: int) -> None:
    # GIVEN a cache that is full at call 128, alone and beside what is kept for ever, WHEN calls end soon after
    leakcheck.write(
        "full.py",
        FILLS.format(
            setup="""
@scenario(variants=("0", "40", "4000"))
def page(variant):
    pages, kept = Pages(128), []
    def call():
        pages.add(next(COUNT), bytes(300))
        if variant != "0": kept.append(bytes(int(variant)))
    yield call
""",
            statement="pass",
        ),
    )
    ran = leakcheck.run("full.py", f"--calls={calls}", "-k", "page")
    # THEN nothing is said of what the filling hides, and the bounds of what it does not hide hold the truth
    assert ran["page[0]"].verdict is Verdict.INCONCLUSIVE
    assert ran["page[40]"].verdict in (Verdict.INCONCLUSIVE, Verdict.LEAK)
    growth = ran["page[4000]"].growth
    assert ran["page[4000]"].verdict is Verdict.LEAK
    assert growth is not None
    assert 0.99 * growth.low <= 4057 * 1000 <= growth.high
