"""Names of containers, found from real objects."""

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
from leakcheck.probe.heap.path_names import NamedPath, name_of, name_path
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.retention.anchors import ReferenceAnchor, merge_anchors

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
    values = [5]
    return lambda: values


def rows() -> Iterator[int]:
    buffer = [6]
    yield from buffer


COUNTER, CURSOR = counter(), rows()
next(CURSOR)
MODULE = __name__


@pytest.fixture(autouse=True)
def long_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step searches the heap of all these tests, which takes longer than the time limit of a search."""
    monkeypatch.setattr("leakcheck.probe.heap.referrers._MAX_SECONDS", 60.0)


def named_path(container: object) -> NamedPath:
    search = ReferrerSearch(SearchBudget(120))
    return name_path(path_to(container, search), search)


@pytest.mark.parametrize(
    ("get", "name", "where"),
    [
        (lambda: ROWS, f"{MODULE}.ROWS", ""),
        (lambda: Registry.entries, f"{MODULE}.Registry.entries", "class attribute"),
        (lambda: WORKERS[0].queue, f"{MODULE}.WORKERS[*].queue", ""),
        (lambda: page, f"{MODULE}.page", ""),
        (lambda: COUNTER(), f"`values` in {MODULE}.counter.<locals>.<lambda>", "closure's cell"),
        (lambda: remember(), f"`a default` in {MODULE}.remember", "default argument"),
        (lambda: logging.Logger.manager.loggerDict, "logging.Logger.manager.loggerDict", "class attribute"),
        (lambda: sys.modules, "sys.modules", ""),
        (lambda: weakref.finalize._registry, "weakref.finalize._registry", "class attribute"),  # type: ignore[attr-defined]
    ],
)
def test_a_container_is_named_by_the_path_from_its_root(get: Callable[[], object], name: str, where: str) -> None:
    path = named_path(get())
    assert (path.name, path.where) == (name, where)
    assert path.anchor == len(path.links)
    assert "".join(link["step"] for link in path.links) == name


def test_a_variable_of_a_suspended_generator_is_named_with_its_function() -> None:
    frame = CURSOR.gi_frame  # type: ignore[attr-defined]
    path = named_path(frame.f_locals["buffer"])
    assert path.name == "`buffer` in tests/unit/probe/heap/test_path_names.py:rows"
    assert path.where == "suspended generator"


def test_a_thread_local_value_is_named_by_its_attribute() -> None:
    LOCAL.messages = [7]
    path = named_path(LOCAL.messages)
    assert (path.name, path.where) == (f"{MODULE}.LOCAL.messages", "thread-local")


def test_a_context_variable_is_named_by_the_module_that_defines_it() -> None:
    token = CURRENT.set([8])
    try:
        path = named_path(CURRENT.get())
    finally:
        CURRENT.reset(token)
    assert (path.name, path.where) == (f"{MODULE}.CURRENT.get()", "context variable")


def test_the_owner_is_found_among_hundreds_of_entries_that_refer_back_to_it() -> None:
    """GIVEN entries that all refer to their owner, as the columns of a table do."""

    class Owner:
        def __init__(self) -> None:
            self.entries: dict[int, object] = {}

    def make() -> Callable[[], dict[int, object]]:
        owner = Owner()
        owner.entries.update((number, {"owner": owner}) for number in range(500))
        return lambda: owner.entries

    get = make()
    name = "test_the_owner_is_found_among_hundreds_of_entries_that_refer_back_to_it.<locals>.make.<locals>.<lambda>"
    assert named_path(get()).name == f"`owner` in {MODULE}.{name}.entries"


def test_no_path_goes_through_hidden_objects() -> None:
    assert name_of(ROWS, hidden=[globals()]) == "a list"


def test_a_long_path_keeps_its_root_and_its_end() -> None:
    deep: list[object] = [9]
    container = deep
    for _ in range(20):
        deep = [deep]
    Registry.deep = deep  # type: ignore[attr-defined]
    try:
        path = named_path(container)
    finally:
        del Registry.deep  # type: ignore[attr-defined]
    steps = [link["step"] for link in path.links]
    assert len(steps) == path.anchor == 12
    assert steps[:2] == [f"{MODULE}.Registry", ".deep"]
    assert steps.count("...") == 1


def test_an_object_is_sized_by_its_built_in_base_and_not_by_the_users_sizeof() -> None:
    class Liar(list[int]):
        def __sizeof__(self) -> int:
            raise RuntimeError

    assert size_of(Liar([1, 2, 3])) >= size_of([1, 2, 3])
    assert size_of("x" * 1000) == pytest.approx(1049, abs=20)


def test_anchors_that_lead_to_the_same_objects_are_merged() -> None:
    def anchor(*ids: int) -> ReferenceAnchor:
        return ReferenceAnchor([], ReachableObjects(frozenset(ids), 0), 0.5)

    heavy, same, other = anchor(*range(100)), anchor(*range(95)), anchor(200, 201)
    assert merge_anchors([heavy, same, other]) == [heavy, other]
    assert heavy.duplicates == [same]
