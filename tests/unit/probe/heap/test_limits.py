"""Limits of containers, known and unproved; inspecting objects without running their code."""

import gc
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck import limited
from leakcheck.model.errors import UsageError
from leakcheck.probe.heap import bounded, introspect
from leakcheck.probe.heap.containers import empty, length_of, lengths, longer_than
from leakcheck.probe.heap.limits import LimitedContainer, any_weak_valued, find_limit, owners_of
from leakcheck.scenario import known_limits


class Untouchable:
    """Fails when any of its code is run, in place of proxies, lazy objects and mocks."""

    def __init__(self) -> None:
        self.entries = [1, 2, 3]
        self.maxsize = 10

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was read")

    def __len__(self) -> int:
        raise AssertionError("its length was read")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it was compared")

    __hash__ = None  # type: ignore[assignment]


class Dishonest(dict[int, int]):
    """A dict that claims to be empty, and fails when cleared."""

    def __len__(self) -> int:
        return 0

    def clear(self) -> None:
        raise AssertionError("its own clear was called")


@pytest.fixture
def no_declared_limits() -> Iterator[None]:
    before = dict(known_limits())
    yield
    known_limits().clear()  # type: ignore[attr-defined]
    known_limits().update(before)  # type: ignore[attr-defined]


# --- introspection and lengths ---------------------------------------------------------------------


def test_an_object_is_inspected_without_running_its_code() -> None:
    untouchable = Untouchable()
    assert dict(introspect.attributes(untouchable)) == {"entries": [1, 2, 3], "maxsize": 10}
    assert introspect.attribute(untouchable, "entries") == [1, 2, 3]
    assert introspect.attribute(untouchable, "absent") is None
    assert introspect.dotted_name(type(untouchable)) == f"{__name__}.Untouchable"


def test_slots_are_attributes_unless_they_are_unset() -> None:
    class Slotted:
        __slots__ = ("__private", "empty", "full")

        def __init__(self) -> None:
            self.full, self.__private = 1, 2

    assert dict(introspect.attributes(Slotted())) == {"full": 1, "_Slotted__private": 2}


def test_an_attribute_is_set_and_restored_without_running_the_objects_code() -> None:
    class Stubborn:
        kind = 3
        __slots__ = ("__dict__", "slot")

        def __init__(self) -> None:
            object.__setattr__(self, "slot", 1)
            object.__setattr__(self, "plain", 2)

        def __setattr__(self, name: str, value: object) -> None:
            raise AssertionError

    stubborn = Stubborn()
    for owner, name, previous in (
        (stubborn, "slot", 1),
        (stubborn, "plain", 2),
        (stubborn, "kind", 3),
        (Stubborn, "kind", 3),
    ):
        undo = introspect.set_attribute(owner, name, 99)
        assert undo is not None
        assert getattr(owner, name) == 99
        undo()
        assert getattr(owner, name) == previous
    assert "kind" not in vars(stubborn)
    assert introspect.set_attribute(dict, "kind", 1) is None


def test_a_length_is_read_and_a_container_emptied_by_the_base_class() -> None:
    dishonest = Dishonest({1: 1, 2: 2})
    assert length_of(dishonest) == 2
    empty(dishonest)
    assert length_of(dishonest) == 0


@given(st.lists(st.integers(), max_size=50))
def test_emptying_removes_every_entry(entries: list[int]) -> None:
    for container in (list(entries), dict.fromkeys(entries), OrderedDict.fromkeys(entries), set(entries)):
        empty(container)
        assert length_of(container) == 0
    queue = deque(entries)
    empty(queue)
    assert set(queue) <= {None}  # its length stays, as its blocks are not to be freed


def test_a_container_that_the_collector_does_not_track_is_found_when_it_grows() -> None:
    class Owner:
        def __init__(self) -> None:
            self.untracked: dict[int, str] = {1: "one"}
            self.still = [1]

    owner = Owner()
    assert not gc.is_tracked(owner.untracked)
    before = lengths()
    owner.untracked[2] = "two"
    grown = [container for container, earlier in longer_than(before) if earlier == 1]
    assert any(container is owner.untracked for container in grown)
    assert not any(container is owner.still for container in grown)


def test_types_are_told_apart_without_hashing_them() -> None:
    class Unhashable(type):
        def __hash__(cls) -> int:
            raise AssertionError("a metaclass's __hash__ was called")

    class Untracked(metaclass=Unhashable):
        __slots__ = ()

    kept = [Untracked()]
    assert lengths()[id(kept)] == 1
    assert longer_than({id(kept): 0}) == [(kept, 0)]


FREED_TASKS = """
import asyncio, resource
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
from leakcheck.probe.heap.containers import lengths

async def wait(event):
    await event.wait()

async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(wait(event)) for _ in range(3)]
    await asyncio.sleep(0)
    event.set()
    await asyncio.wait(tasks)

asyncio.run(main())
print(all(lengths() for _ in range(3)))
"""


def test_the_referents_of_modules_are_never_requested() -> None:
    # 3.12's _asyncio then reports freed objects, and the second time takes all memory
    done = subprocess.run([sys.executable, "-c", FREED_TASKS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


MODULE = ModuleType("made_up")
MODULE.cache = {1: 1}  # type: ignore[attr-defined]


def test_an_owner_is_a_module_a_class_or_an_object() -> None:
    class Owner:
        of_class: list[int] = [1]  # noqa: RUF012

        def __init__(self) -> None:
            self.of_object = {1: 2}

    owner = Owner()
    for container, expected in ((MODULE.cache, MODULE), (Owner.of_class, Owner), (owner.of_object, owner)):
        assert any(candidate is expected for candidate in owners_of([container])[id(container)])
    assert owners_of([owner.of_object, MODULE.cache])[id(MODULE.cache)] == [MODULE]


# --- known limits ----------------------------------------------------------------------------------


def limit_of(container: object, *owners: object) -> tuple[str, int, int, bool] | None:
    """Return kind, maximum, length and proof of a container's limit, known to the given owners or to any other."""
    bounded = find_limit(container, owners) or find_limit(container, owners_of([container]).get(id(container), ()))
    return None if bounded is None else fields_of(bounded)


def fields_of(bounded: LimitedContainer) -> tuple[str, int, int, bool]:
    limit = bounded.limit
    return limit.kind, limit.maximum, limit.length, limit.proved


def test_a_container_that_knows_its_limit_is_asked_for_it() -> None:
    cached = lru_cache(maxsize=7)(abs)
    cached(1)
    assert limit_of(deque([1, 2], maxlen=5)) == ("deque(maxlen=5)", 5, 2, True)
    assert limit_of(cached) == ("lru_cache(maxsize=7)", 7, 1, True)


def test_a_container_without_a_limit_has_none() -> None:
    assert limit_of([1]) is None
    assert limit_of({}) is None
    assert limit_of(deque([1])) is None
    assert limit_of(lru_cache(maxsize=None)(abs)) is None
    assert limit_of(object()) is None


def test_a_librarys_cache_is_known_by_the_name_of_its_class_and_found_from_its_entries() -> None:
    from django.core.cache.backends.locmem import LocMemCache
    from jinja2.utils import LRUCache

    cache: Any = LocMemCache("test", {"max_entries": 20})
    templates: Any = LRUCache(30)
    templates["a"] = 1
    assert limit_of(cache._cache) == ("LocMemCache(max_entries=20)", 20, 0, True)
    assert limit_of(cache._expire_info) == ("LocMemCache(max_entries=20)", 20, 0, True)
    assert limit_of(templates._mapping, templates) == ("LRUCache(capacity=30)", 30, 1, True)
    assert limit_of(templates._queue) == ("LRUCache(capacity=30)", 30, 1, True)


def test_a_cache_of_a_class_derived_from_a_known_one_is_known() -> None:
    from jinja2.utils import LRUCache

    class Mine(LRUCache):
        pass

    mine = Mine(30)
    assert limit_of(mine._mapping, mine) == ("Mine(capacity=30)", 30, 0, True)


def test_the_cache_of_compiled_patterns_has_its_limit_beside_it() -> None:
    re.compile("something to be kept")
    assert limit_of(re._cache) == (  # type: ignore[attr-defined]
        f"dict(re._MAXCACHE={re._MAXCACHE})",  # type: ignore[attr-defined]
        re._MAXCACHE,  # type: ignore[attr-defined]
        len(re._cache),  # type: ignore[attr-defined]
        True,
    )


def test_a_weak_dictionary_has_no_limit() -> None:
    registry: Any = weakref.WeakValueDictionary()
    registry.maxsize = 10
    assert any_weak_valued([registry])
    assert any_weak_valued([weakref.WeakSet()])
    assert not any_weak_valued([{}, object()])
    assert limit_of(registry.data, registry) is None


def test_a_dictionary_with_weak_keys_may_have_a_limit() -> None:
    pages: Any = weakref.WeakKeyDictionary()
    pages.maxsize = 10
    assert not any_weak_valued([pages])
    assert limit_of(pages.data, pages) == ("dict, limit read from .maxsize", 10, 0, False)


def test_a_container_below_an_entry_of_a_weak_dictionary_may_have_a_limit() -> None:
    class Page:
        def __init__(self) -> None:
            self.rows, self.maxsize = [1], 5

    page = Page()
    assert limit_of(page.rows, page, weakref.WeakValueDictionary({1: page})) is not None


# --- declared limits -------------------------------------------------------------------------------


class Shelves:
    def __init__(self, room: int = 5) -> None:
        self.books = [1, 2]
        self.index = {1: 1}
        self.count = 40
        self.room = room


@pytest.mark.usefixtures("no_declared_limits")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"entries": "books", "limit": 5}, ("Shelves(limit=5)", 5, 2, True)),
        ({"entries": "books", "limit": "room"}, ("Shelves(room=5)", 5, 2, True)),
        (
            {"entries": ("books", "index"), "limit": lambda shelves: 3 * shelves.room},
            ("Shelves(limit=15)", 15, 2, True),
        ),
        ({"entries": "books", "limit": 50, "length": "count"}, ("Shelves(limit=50)", 50, 40, True)),
        (
            {"entries": "books", "limit": 50, "length": lambda shelves: shelves.count + 1},
            ("Shelves(limit=50)", 50, 41, True),
        ),
        # nothing that could be a limit
        ({"entries": "books", "limit": "index"}, None),
        ({"entries": "index", "limit": 5}, None),
        # exceeded already, so it is not enforced
        ({"entries": "books", "limit": 1}, None),
    ],
)
def test_a_declared_limit_is_a_number_an_attribute_or_a_function(arguments: Any, expected: object) -> None:
    limited(Shelves, **arguments)
    shelves = Shelves()
    bounded = find_limit(shelves.books, [shelves])
    assert (fields_of(bounded) if bounded is not None and bounded.limit.proved else None) == expected


@pytest.mark.usefixtures("no_declared_limits")
def test_a_class_may_be_declared_by_its_dotted_name() -> None:
    limited(f"{__name__}.Shelves", entries="books", limit="room")
    shelves = Shelves()
    assert limit_of(shelves.books, shelves) == ("Shelves(room=5)", 5, 2, True)


@pytest.mark.usefixtures("no_declared_limits")
@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        ("Shelves", {"entries": "books", "limit": 5}, "write the class, or its dotted name"),
        ("a b.Shelves", {"entries": "books", "limit": 5}, "write the class, or its dotted name"),
        (Shelves, {"entries": (), "limit": 5}, "name at least one attribute"),
        (Shelves, {"entries": "books", "limit": None}, "limit is a number, an attribute's name, or a function"),
        (Shelves, {"entries": "books", "limit": True}, "limit is a number"),
    ],
)
def test_an_invalid_declaration_is_refused(cls: Any, arguments: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        limited(cls, **arguments)
    assert not any("Shelves" in name for name in known_limits())


# --- unproved limits -------------------------------------------------------------------------------


class Cache:
    """A cache that enforces its limit, or does not."""

    most_of_all_max = 500

    def __init__(self, maxsize: int, *, enforces: bool = True) -> None:
        self.maxsize, self.enforces, self.entries = maxsize, enforces, OrderedDict[int, int]()

    def add(self, number: int) -> None:
        self.entries[number] = number
        if self.enforces and len(self.entries) > self.maxsize:
            self.entries.popitem(last=False)


def test_an_attribute_that_looks_like_a_limit_is_unproved() -> None:
    cache = Cache(100)
    assert limit_of(cache.entries, cache) == ("OrderedDict, limit read from .maxsize", 100, 0, False)


def test_a_limit_that_is_exceeded_is_skipped_for_the_next_larger_one() -> None:
    cache = Cache(2, enforces=False)
    for number in range(3):
        cache.add(number)
    assert limit_of(cache.entries, cache) == ("OrderedDict, limit read from .most_of_all_max", 500, 3, False)


@pytest.mark.parametrize("number", [True, 10.5, "10", 10**9, -1, 0])
def test_a_value_that_is_no_number_of_entries_is_no_limit(number: object) -> None:
    class Owner:
        def __init__(self) -> None:
            self.capacity = number
            self.entries = [1]

    owner = Owner()
    assert limit_of(owner.entries, owner) is None


def test_a_large_number_of_entries_is_a_limit_below_a_billion() -> None:
    cache = Cache(800_000_000)
    cache.most_of_all_max = 10**9  # its class's is smaller
    assert limit_of(cache.entries, cache) == ("OrderedDict, limit read from .maxsize", 800_000_000, 0, False)


def fill(cache: Cache) -> LimitedContainer:
    for number in range(50):
        cache.add(number)
    bounded = find_limit(cache.entries, [cache])
    assert bounded is not None
    return bounded


def add_more(*caches: Cache) -> None:
    for number in range(100, 120):
        for cache in caches:
            cache.add(number)


def test_a_limit_is_proved_by_lowering_it_and_then_restored() -> None:
    enforcing, ignoring = Cache(100), Cache(100, enforces=False)
    candidates = [fill(enforcing), fill(ignoring)]
    [proved] = bounded._prove(candidates, lambda: add_more(enforcing, ignoring), seconds=5)
    assert proved.container is enforcing.entries
    assert fields_of(proved) == ("OrderedDict kept to .maxsize=100", 100, 50, True)
    assert (enforcing.maxsize, ignoring.maxsize) == (100, 100)
    assert (len(enforcing.entries), len(ignoring.entries)) == (50, 70)


@pytest.mark.parametrize("failure", [ValueError, SystemExit, KeyboardInterrupt])
def test_nothing_is_proved_if_code_fails_with_the_lower_limit(failure: type[BaseException]) -> None:
    cache = Cache(100)
    candidate = fill(cache)

    def fail() -> None:
        raise failure

    assert bounded._prove([candidate], fail, seconds=5) == []
    assert cache.maxsize == 100


def test_nothing_is_proved_if_code_waits_for_room_at_the_lower_limit() -> None:
    cache = Cache(100)

    def wait_for_ever() -> None:
        threading.Event().wait()

    assert bounded._prove([fill(cache)], wait_for_ever, seconds=0.05) == []
    assert cache.maxsize == 100


def test_nothing_is_proved_while_the_user_has_an_alarm_set_and_it_stays_set() -> None:
    cache = Cache(100)
    handler = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        assert bounded._prove([fill(cache)], lambda: add_more(cache), seconds=5) == []
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGALRM, handler)
