"""What a person would call a container, asked of real objects."""

import contextvars
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest

from leakcheck.probe.heap.introspect import size_of
from leakcheck.probe.heap.new_objects import ReachableObjects
from leakcheck.probe.heap.path_names import NamedPath, name_of, tell
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.retention.anchors import ReferenceAnchor, merged

ROWS: list[int] = [1]
LOCAL = threading.local()
CURRENT: contextvars.ContextVar[list[int]] = contextvars.ContextVar("CURRENT")


class Registry:
    entries: list[int] = [2]  # noqa: RUF012 - the shared mutable is the point


class Slotted:
    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: list[int] = [3]


WORKERS = [Slotted()]


def remember(rows: list[int] = [4]) -> list[int]:  # noqa: B006 - the trap itself
    return rows


@lru_cache(maxsize=5)
def page(number: int) -> list[int]:
    return [number]


def counter() -> Callable[[], list[int]]:
    seen = [5]
    return lambda: seen


def rows() -> Iterator[int]:
    buffer = [6]
    yield from buffer


COUNTER, CURSOR = counter(), rows()
next(CURSOR)
HERE = __name__


@pytest.fixture(autouse=True)
def has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step looks through the heap of all these tests, which takes longer than a search may."""
    monkeypatch.setattr("leakcheck.probe.heap.referrers._MOST_SECONDS", 60.0)


def told(container: object) -> NamedPath:
    world = ReferrerSearch(SearchBudget(120))
    return tell(path_to(container, world), world)


@pytest.mark.parametrize(
    ("find", "name", "where"),
    [
        (lambda: ROWS, f"{HERE}.ROWS", ""),
        (lambda: Registry.entries, f"{HERE}.Registry.entries", "class attribute"),
        (lambda: WORKERS[0].queue, f"{HERE}.WORKERS[*].queue", ""),
        (lambda: page, f"{HERE}.page", ""),
        (lambda: COUNTER(), f"`seen` in {HERE}.counter.<locals>.<lambda>", "closure's cell"),
        (lambda: remember(), f"`a default` in {HERE}.remember", "default argument"),
        (lambda: logging.Logger.manager.loggerDict, "logging.Logger.manager.loggerDict", "class attribute"),
        (lambda: sys.modules, "sys.modules", ""),
        (lambda: weakref.finalize._registry, "weakref.finalize._registry", "class attribute"),  # type: ignore[attr-defined]
    ],
)
def test_a_container_is_called_as_a_person_calls_it(find: Callable[[], object], name: str, where: str) -> None:
    found = told(find())
    assert (found.name, found.where) == (name, where)
    assert found.anchor == len(found.links)
    assert "".join(link["step"] for link in found.links) == name


def test_the_variable_of_a_suspended_generator_is_named_with_its_place() -> None:
    frame = CURSOR.gi_frame  # type: ignore[attr-defined]
    found = told(frame.f_locals["buffer"])
    assert found.name == "`buffer` in tests/unit/probe/heap/test_path_names.py:rows"
    assert found.where == "suspended generator"


def test_what_is_local_to_a_thread_is_named_by_its_attribute() -> None:
    LOCAL.messages = [7]
    found = told(LOCAL.messages)
    assert (found.name, found.where) == (f"{HERE}.LOCAL.messages", "thread-local")


def test_a_context_variable_is_named_by_where_it_is_defined() -> None:
    token = CURRENT.set([8])
    try:
        found = told(CURRENT.get())
    finally:
        CURRENT.reset(token)
    assert (found.name, found.where) == (f"{HERE}.CURRENT.get()", "context variable")


def test_the_owner_is_found_among_hundreds_of_entries_that_point_back_to_it() -> None:
    """GIVEN entries made before anybody looked, which all know their owner, as the columns of a table do."""

    class Owner:
        def __init__(self) -> None:
            self.entries: dict[int, object] = {}

    def make() -> Callable[[], dict[int, object]]:
        owner = Owner()
        owner.entries.update((number, {"owner": owner}) for number in range(500))
        return lambda: owner.entries

    find = make()
    name = "test_the_owner_is_found_among_hundreds_of_entries_that_point_back_to_it.<locals>.make.<locals>.<lambda>"
    assert told(find()).name == f"`owner` in {HERE}.{name}.entries"


def test_what_is_hidden_is_no_way_to_a_container() -> None:
    assert name_of(ROWS, hidden=[globals()]) == "a list"


def test_a_long_path_keeps_its_root_and_its_end() -> None:
    deep: list[object] = [9]
    container = deep
    for _ in range(20):
        deep = [deep]
    Registry.deep = deep  # type: ignore[attr-defined]
    try:
        found = told(container)
    finally:
        del Registry.deep  # type: ignore[attr-defined]
    steps = [link["step"] for link in found.links]
    assert len(steps) == found.anchor == 12
    assert steps[:2] == [f"{HERE}.Registry", ".deep"]
    assert steps.count("...") == 1


def test_an_object_is_sized_by_its_built_in_base_and_not_by_what_its_class_says() -> None:
    class Liar(list[int]):
        def __sizeof__(self) -> int:
            raise RuntimeError

    assert size_of(Liar([1, 2, 3])) >= size_of([1, 2, 3])
    assert size_of("x" * 1000) == pytest.approx(1049, abs=20)


def test_places_that_lead_to_the_same_objects_are_one() -> None:
    def place(*ids: int) -> ReferenceAnchor:
        return ReferenceAnchor([], ReachableObjects(frozenset(ids), 0), 0.5)

    heavy, same, other = place(*range(100)), place(*range(95)), place(200, 201)
    assert merged([heavy, same, other]) == [heavy, other]
    assert heavy.beside == [same]
