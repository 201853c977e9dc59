"""Entries of containers: whether they are weak references, and which function of the user's they retain."""

import contextvars
import os
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from leakcheck.probe.heap.weak_references import lists_weakly
from leakcheck.probe.retention.containers import function_that_fills
from leakcheck.probe.retention.definitions import kept_function, set_at

CURRENT: contextvars.ContextVar[list[int]] = contextvars.ContextVar("CURRENT")


class Thing:
    def method(self) -> None:
        pass


class Proxied(Thing):
    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was read")


THING = Thing()


def with_closure(data: bytes) -> Callable[..., bytes]:
    def callback(*_: object) -> bytes:
        return data

    return callback


def fail() -> None:
    raise ValueError("raised")


def ids_of(*objects: object) -> frozenset[int]:
    return frozenset(map(id, objects))


@pytest.mark.parametrize("make", [weakref.ref, weakref.proxy])
def test_weak_references_to_new_objects_only_list_them(make: Callable[[Any], Any]) -> None:
    things = [Proxied() for _ in range(5)]
    references = [make(thing) for thing in things]
    assert lists_weakly(references, ids_of(*things, *references))


def test_a_weak_reference_to_a_freed_or_old_object_is_retained_for_itself() -> None:
    gone = [weakref.ref(Thing()) for _ in range(5)]
    old = [weakref.ref(THING, print) for _ in range(5)]
    assert not lists_weakly(gone, ids_of(*gone))
    assert not lists_weakly(old, ids_of(*old))


def test_the_closure_of_a_weak_references_callback_is_retained() -> None:
    things, callbacks = [Thing() for _ in range(3)], [with_closure(bytes([n]) * 1000) for n in range(3)]
    references = [weakref.ref(thing, callback) for thing, callback in zip(things, callbacks, strict=True)]
    cells = [cell for callback in callbacks for cell in callback.__closure__ or ()]
    closures = [callback.__closure__ for callback in callbacks]
    assert not lists_weakly(references, ids_of(*things, *references, *callbacks, *cells, *closures))


def test_strong_entries_are_retained() -> None:
    things = [Thing() for _ in range(3)]
    assert not lists_weakly(things, ids_of(*things))
    assert not lists_weakly([], frozenset())


def test_the_function_that_most_entries_retain_is_named_with_its_line() -> None:
    entries = [partial(with_closure(b""), 1) for _ in range(3)]
    definition = kept_function(entries, ids_of(*entries))
    assert definition is not None
    assert (definition["file"], definition["source"]) == (__file__, "def callback(*_: object) -> bytes:")
    assert definition["line"] == with_closure.__code__.co_firstlineno + 1
    assert definition["function"] == "with_closure.<locals>.callback"


def test_a_bound_method_is_named_by_its_function() -> None:
    methods = [Thing().method for _ in range(3)]
    definition = kept_function(methods, ids_of(*methods))
    assert definition is not None
    assert definition["function"] == "Thing.method"


def test_a_librarys_function_is_not_named() -> None:
    assert kept_function([os.path.join, os.path.split], frozenset()) is None
    assert kept_function([[1], [2]], frozenset()) is None
    assert kept_function([], frozenset()) is None


def test_the_function_of_a_tracebacks_frame_is_no_callback() -> None:
    with pytest.raises(ValueError, match="raised") as raised:
        fail()
    error = raised.value
    traceback = error.__traceback__
    assert traceback is not None
    assert traceback.tb_next is not None
    new = ids_of(error, traceback, traceback.tb_next, traceback.tb_next.tb_frame)
    assert kept_function([error], new) is None


@pytest.mark.parametrize(("alike", "is_named"), [(2, False), (3, True)])
def test_a_function_is_named_that_half_of_the_entries_retain(alike: int, is_named: bool) -> None:
    entries = [with_closure(b"")] * alike + [eval(f"lambda: {n}") for n in range(5 - alike)]
    assert (kept_function(entries, ids_of(*entries)) is not None) is is_named


def test_entries_of_many_functions_name_none() -> None:
    different = [eval(f"lambda: {n}") for n in range(5)]
    assert kept_function(different, ids_of(*different)) is None


def reset(value: list[int]) -> None:
    CURRENT.set(value)


def test_the_line_that_sets_a_context_variable_is_found() -> None:
    value = [1]
    context = contextvars.copy_context()
    context.run(reset, value)
    frame = set_at(context, value, [with_closure, reset])
    assert frame is not None
    assert (frame["source"], frame["function"]) == ("CURRENT.set(value)", "reset")
    assert set_at(context, [2], [reset]) is None
    assert set_at(context, value, [with_closure]) is None


def test_a_container_that_is_no_table_of_the_interpreters_is_not_taken_for_one() -> None:
    assert function_that_fills([with_closure]) is None
    assert function_that_fills({"strict": 1}) is None
    assert function_that_fills(bytearray()) is None
