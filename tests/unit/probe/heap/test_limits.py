"""What has a limit, what only looks like it, and looking without running anybody's code."""

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
from leakcheck.probe.heap.limits import OwnedLimit, holder_of, is_weak, limit_of, owners_of
from leakcheck.scenario import taught


class Untouchable:
    """Whoever runs its code fails; it stands for proxies, lazy objects and mocks."""

    def __init__(self) -> None:
        self.entries = [1, 2, 3]
        self.maxsize = 10

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")

    def __len__(self) -> int:
        raise AssertionError("its length was asked for")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it was compared")

    __hash__ = None  # type: ignore[assignment]


class Boastful(dict[int, int]):
    """A dict that says it holds nothing, and cannot be cleared."""

    def __len__(self) -> int:
        return 0

    def clear(self) -> None:
        raise AssertionError("its own clear was called")


@pytest.fixture
def nothing_taught() -> Iterator[None]:
    before = dict(taught())
    yield
    taught().clear()  # type: ignore[attr-defined]
    taught().update(before)  # type: ignore[attr-defined]


# --- looking ---------------------------------------------------------------------------------------


def test_an_object_is_looked_at_without_running_its_code() -> None:
    touchy = Untouchable()
    assert dict(introspect.attributes(touchy)) == {"entries": [1, 2, 3], "maxsize": 10}
    assert introspect.attribute(touchy, "entries") == [1, 2, 3]
    assert introspect.attribute(touchy, "absent") is None
    assert introspect.dotted_name(type(touchy)) == f"{__name__}.Untouchable"


def test_slots_are_attributes_and_an_empty_one_is_none() -> None:
    class Slotted:
        __slots__ = ("__private", "empty", "full")

        def __init__(self) -> None:
            self.full, self.__private = 1, 2

    assert dict(introspect.attributes(Slotted())) == {"full": 1, "_Slotted__private": 2}


def test_an_attribute_is_set_past_the_objects_own_code_and_put_back() -> None:
    class Stubborn:
        kind = 3
        __slots__ = ("__dict__", "slot")

        def __init__(self) -> None:
            object.__setattr__(self, "slot", 1)
            object.__setattr__(self, "plain", 2)

        def __setattr__(self, name: str, value: object) -> None:
            raise AssertionError

    stubborn = Stubborn()
    for owner, name, had in (
        (stubborn, "slot", 1),
        (stubborn, "plain", 2),
        (stubborn, "kind", 3),
        (Stubborn, "kind", 3),
    ):
        undo = introspect.set_attribute(owner, name, 99)
        assert undo is not None
        assert getattr(owner, name) == 99
        undo()
        assert getattr(owner, name) == had
    assert "kind" not in vars(stubborn)
    assert introspect.set_attribute(dict, "kind", 1) is None


def test_a_length_is_read_and_a_container_emptied_by_the_base_class() -> None:
    boastful = Boastful({1: 1, 2: 2})
    assert length_of(boastful) == 2
    empty(boastful)
    assert length_of(boastful) == 0


@given(st.lists(st.integers(), max_size=50))
def test_emptying_lets_go_of_every_entry(entries: list[int]) -> None:
    for container in (list(entries), dict.fromkeys(entries), OrderedDict.fromkeys(entries), set(entries)):
        empty(container)
        assert length_of(container) == 0
    blanked = deque(entries)
    empty(blanked)
    assert set(blanked) <= {None}  # its length stays: the blocks are the deque's own


def test_what_became_longer_is_found_though_the_collector_does_not_track_it() -> None:
    class Keeper:
        def __init__(self) -> None:
            self.untracked: dict[int, str] = {1: "one"}
            self.still = [1]

    keeper = Keeper()
    assert not gc.is_tracked(keeper.untracked)
    before = lengths()
    keeper.untracked[2] = "two"
    grown = [container for container, earlier in longer_than(before) if earlier == 1]
    assert any(one is keeper.untracked for one in grown)
    assert not any(one is keeper.still for one in grown)


DEAD_OBJECTS = """
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


def test_no_module_is_asked_what_it_refers_to() -> None:
    # 3.12's _asyncio then tells objects that are dead, and at the second time takes all memory
    done = subprocess.run([sys.executable, "-c", DEAD_OBJECTS], capture_output=True, text=True, timeout=60, check=False)
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
        assert any(one is expected for one in owners_of([container])[id(container)])
    assert owners_of([owner.of_object, MODULE.cache])[id(MODULE.cache)] == [MODULE]


# --- limits that are known -------------------------------------------------------------------------


def said(container: object, *owners: object) -> tuple[str, int, int, bool] | None:
    limit = limit_of(container, owners)
    return None if limit is None else (limit.kind, limit.limit, limit.length, limit.proved)


def test_a_container_whose_type_has_a_limit_tells_it() -> None:
    cached = lru_cache(maxsize=7)(abs)
    cached(1)
    assert said(deque([1, 2], maxlen=5)) == ("deque(maxlen=5)", 5, 2, True)
    assert said(cached) == ("lru_cache(maxsize=7)", 7, 1, True)


def test_a_container_without_a_limit_has_none() -> None:
    assert said([1]) is None
    assert said({}) is None
    assert said(deque([1])) is None
    assert said(lru_cache(maxsize=None)(abs)) is None
    assert said(object()) is None


def test_a_librarys_cache_is_known_by_the_name_of_its_class_and_found_from_what_it_holds() -> None:
    from django.core.cache.backends.locmem import LocMemCache
    from jinja2.utils import LRUCache

    cache: Any = LocMemCache("test", {"max_entries": 20})
    templates: Any = LRUCache(30)
    templates["a"] = 1
    assert said(cache._cache) == ("LocMemCache(max_entries=20)", 20, 0, True)
    assert said(cache._expire_info) == ("LocMemCache(max_entries=20)", 20, 0, True)
    assert said(templates._mapping, templates) == ("LRUCache(capacity=30)", 30, 1, True)
    assert said(templates._queue) == ("LRUCache(capacity=30)", 30, 1, True)


def test_a_cache_of_a_class_derived_from_a_known_one_is_known() -> None:
    from jinja2.utils import LRUCache

    class Mine(LRUCache):
        pass

    mine = Mine(30)
    assert said(mine._mapping, mine) == ("Mine(capacity=30)", 30, 0, True)


def test_the_cache_of_compiled_patterns_has_its_limit_beside_it() -> None:
    re.compile("something to be kept")
    assert said(re._cache) == (  # type: ignore[attr-defined]
        f"dict(re._MAXCACHE={re._MAXCACHE})",  # type: ignore[attr-defined]
        re._MAXCACHE,  # type: ignore[attr-defined]
        len(re._cache),  # type: ignore[attr-defined]
        True,
    )


def test_a_weak_container_has_no_limit_and_is_told_apart() -> None:
    registry: Any = weakref.WeakValueDictionary()
    registry.maxsize = 10
    assert is_weak([registry])
    assert is_weak([weakref.WeakSet()])
    assert not is_weak([{}, object()])
    assert said(registry.data, registry) is None


def test_a_dictionary_with_weak_keys_holds_its_values_and_may_have_a_limit() -> None:
    pages: Any = weakref.WeakKeyDictionary()
    pages.maxsize = 10
    assert not is_weak([pages])
    assert said(pages.data, pages) == ("dict, limit read from .maxsize", 10, 0, False)


def test_what_lies_below_a_weak_dictionary_may_have_a_limit() -> None:
    class Page:
        def __init__(self) -> None:
            self.rows, self.maxsize = [1], 5

    page = Page()
    assert said(page.rows, page, weakref.WeakValueDictionary({1: page})) is not None


# --- limits that are taught ------------------------------------------------------------------------


class Shelves:
    def __init__(self, room: int = 5) -> None:
        self.books = [1, 2]
        self.index = {1: 1}
        self.count = 40
        self.room = room


@pytest.mark.usefixtures("nothing_taught")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"entries": "books", "limit": 5}, ("Shelves(limit=5)", 5, 2, True)),
        ({"entries": "books", "limit": "room"}, ("Shelves(room=5)", 5, 2, True)),
        ({"entries": ("books", "index"), "limit": lambda one: 3 * one.room}, ("Shelves(limit=15)", 15, 2, True)),
        ({"entries": "books", "limit": 50, "length": "count"}, ("Shelves(limit=50)", 50, 40, True)),
        ({"entries": "books", "limit": 50, "length": lambda one: one.count + 1}, ("Shelves(limit=50)", 50, 41, True)),
        # nothing that could be a limit
        ({"entries": "books", "limit": "index"}, None),
        ({"entries": "index", "limit": 5}, None),
        # passed by already: it is not kept
        ({"entries": "books", "limit": 1}, None),
    ],
)
def test_a_taught_limit_is_a_number_an_attribute_or_a_function(words: Any, expected: object) -> None:
    limited(Shelves, **words)
    shelves = Shelves()
    found = holder_of(shelves.books, [shelves])
    found = found if found is not None and found.found.proved else None
    assert (found and (found.found.kind, found.found.limit, found.found.length, found.found.proved)) == expected


@pytest.mark.usefixtures("nothing_taught")
def test_a_class_may_be_taught_by_its_name_alone() -> None:
    limited(f"{__name__}.Shelves", entries="books", limit="room")
    shelves = Shelves()
    assert said(shelves.books, shelves) == ("Shelves(room=5)", 5, 2, True)


@pytest.mark.usefixtures("nothing_taught")
@pytest.mark.parametrize(
    ("what", "words", "says"),
    [
        ("Shelves", {"entries": "books", "limit": 5}, "write the class, or its dotted name"),
        ("a b.Shelves", {"entries": "books", "limit": 5}, "write the class, or its dotted name"),
        (Shelves, {"entries": (), "limit": 5}, "name at least one attribute"),
        (Shelves, {"entries": "books", "limit": None}, "limit is a number, an attribute's name, or a function"),
        (Shelves, {"entries": "books", "limit": True}, "limit is a number"),
    ],
)
def test_what_cannot_be_taught_is_refused(what: Any, words: Any, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        limited(what, **words)
    assert not any("Shelves" in name for name in taught())


# --- limits that only look like it -----------------------------------------------------------------


class Looks:
    """A cache that keeps its limit, or does not."""

    most_of_all_max = 500

    def __init__(self, maxsize: int, *, keeps: bool = True) -> None:
        self.maxsize, self.keeps, self.entries = maxsize, keeps, OrderedDict[int, int]()

    def add(self, number: int) -> None:
        self.entries[number] = number
        if self.keeps and len(self.entries) > self.maxsize:
            self.entries.popitem(last=False)


def test_an_attribute_that_looks_like_a_limit_is_told_as_not_proved() -> None:
    looks = Looks(100)
    assert said(looks.entries, looks) == ("OrderedDict, limit read from .maxsize", 100, 0, False)


def test_one_that_is_passed_by_is_none_and_the_next_is_looked_at() -> None:
    looks = Looks(2, keeps=False)
    for number in range(3):
        looks.add(number)
    assert said(looks.entries, looks) == ("OrderedDict, limit read from .most_of_all_max", 500, 3, False)


@pytest.mark.parametrize("number", [True, 10.5, "10", 10**9, -1, 0])
def test_what_is_no_number_of_entries_is_no_limit(number: object) -> None:
    class Owner:
        def __init__(self) -> None:
            self.capacity = number
            self.entries = [1]

    owner = Owner()
    assert said(owner.entries, owner) is None


def fill(looks: Looks) -> OwnedLimit:
    for number in range(50):
        looks.add(number)
    holder = holder_of(looks.entries, [looks])
    assert holder is not None
    return holder


def go_on(*caches: Looks) -> None:
    for number in range(100, 120):
        for cache in caches:
            cache.add(number)


def test_a_limit_is_proved_by_lowering_it_and_put_back() -> None:
    keeps, ignores = Looks(100), Looks(100, keeps=False)
    holders = [fill(keeps), fill(ignores)]
    [proved] = bounded._proved(holders, lambda: go_on(keeps, ignores), seconds=5)
    assert proved.container is keeps.entries
    assert (proved.found.kind, proved.found.limit, proved.found.proved) == (
        "OrderedDict kept to .maxsize=100",
        100,
        True,
    )
    assert (keeps.maxsize, ignores.maxsize) == (100, 100)
    assert (len(keeps.entries), len(ignores.entries)) == (50, 70)


@pytest.mark.parametrize("failure", [ValueError, SystemExit, KeyboardInterrupt])
def test_code_that_dislikes_the_lower_limit_has_shown_none(failure: type[BaseException]) -> None:
    looks = Looks(100)
    holder = fill(looks)

    def dislike() -> None:
        raise failure

    assert bounded._proved([holder], dislike, seconds=5) == []
    assert looks.maxsize == 100


def test_code_that_waits_for_room_is_not_waited_for() -> None:
    looks = Looks(100)

    def wait_for_ever() -> None:
        threading.Event().wait()

    assert bounded._proved([fill(looks)], wait_for_ever, seconds=0.05) == []
    assert looks.maxsize == 100


def test_where_the_user_has_an_alarm_set_nothing_is_proved_and_it_stays_set() -> None:
    looks = Looks(100)
    handler = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        assert bounded._proved([fill(looks)], lambda: go_on(looks), seconds=5) == []
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGALRM, handler)
