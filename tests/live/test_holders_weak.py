"""What lists things weakly holds nothing; what only looks as if it did is weighed as any other holder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.live.holding import hold, name_of, write

HEAD = """
import logging, weakref
class Key: pass
class Value:
    def __init__(self, key):
        self.key, self.data = key, bytearray(2000)
    def method(self): pass
KEPT, LOG, REFERENCES, BY_ID = [], [], [], {}
"""


def names(holders: list[dict[str, Any]]) -> list[str]:
    return [name_of(one) for one in holders]


def share(holder: Mapping[str, Any], grows: float) -> float:
    return float(holder["bytes_per_call"]) / grows


@pytest.mark.parametrize("make", ["weakref.WeakKeyDictionary()", "type('Schemas', (weakref.WeakKeyDictionary,), {})()"])
@pytest.mark.parametrize("beside", ["pass", "LOG.append(bytearray(50))"])
def test_a_weak_dictionary_whose_values_keep_their_keys_holds_them(tmp_path: Path, make: str, beside: str) -> None:
    source = f"""{HEAD}
SCHEMAS = {make}
@scenario
def scene():
    key = Key()
    SCHEMAS[key] = Value(key)
    {beside}
"""
    held = hold(write(tmp_path, source), grows=2650)
    assert name_of(held.first) == held.container["name"] == "held.SCHEMAS"
    assert held.container["kind"] in ("WeakKeyDictionary", "Schemas")
    assert 0.85 <= share(held.first, 2650) <= 1.0


def test_the_keys_of_a_dictionary_with_weak_values_are_held_by_it(tmp_path: Path) -> None:
    source = f"""{HEAD}
NAMES, ONE = weakref.WeakValueDictionary(), Key()
@scenario
def scene(): NAMES[bytes(2000) + str(next(NUMBERS)).encode()] = ONE
"""
    held = hold(write(tmp_path, source), grows=2250)
    assert (name_of(held.first), held.container["kind"]) == ("held.NAMES", "WeakValueDictionary")
    assert 0.85 <= share(held.first, 2250) <= 1.1


@pytest.mark.parametrize(
    "note",
    [
        "REFERENCES.append(weakref.ref(value))",
        "REFERENCES.append(weakref.proxy(value))",
        "REFERENCES.append(weakref.WeakMethod(value.method))",
        "REFERENCES.append((weakref.ref(value),))",
        "BY_ID[next(NUMBERS)] = weakref.ref(value, print)",
        "ALL.add(value)",
        "BY_NUMBER[next(NUMBERS)] = value",
    ],
)
def test_weak_references_to_what_something_else_keeps_are_no_holder(tmp_path: Path, note: str) -> None:
    source = f"""{HEAD}
ALL, BY_NUMBER = weakref.WeakSet(), weakref.WeakValueDictionary()
@scenario
def scene():
    value = Value(None)
    KEPT.append(value)
    {note}
"""
    assert names(hold(write(tmp_path, source), grows=2400).holders) == ["held.KEPT"]


@pytest.mark.parametrize("note", ["weakref.ref(key)", "weakref.WeakMethod(key.__repr__.__func__.__get__(key))"])
def test_references_that_are_larger_than_their_objects_are_no_holder_either(tmp_path: Path, note: str) -> None:
    source = f"""{HEAD}
class Small:
    __slots__ = ("__weakref__",)
    def __repr__(self): return ""
@scenario
def scene():
    key = Small()
    KEPT.append(key)
    REFERENCES.append({note})
"""
    assert names(hold(write(tmp_path, source), grows=200).holders) == ["held.KEPT"]


def test_references_whose_objects_are_gone_are_held_by_their_list(tmp_path: Path) -> None:
    source = f"""{HEAD}
@scenario
def scene():
    REFERENCES.append(weakref.ref(Key()))
    LOG.append(bytearray(200))
"""
    held = hold(write(tmp_path, source), grows=360)
    assert names(held.holders) == ["held.LOG", "held.REFERENCES"]
    assert 0.2 <= share(held.holders[1], 360) <= 0.35


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("REFERENCES.append(weakref.ref(KEY, lambda reference: data))", "held.REFERENCES"),
        ("weakref.finalize(KEY, print, data)", "weakref.finalize._registry"),
    ],
)
def test_what_is_called_when_a_reference_dies_is_held(tmp_path: Path, line: str, name: str) -> None:
    source = f"""{HEAD}
KEY = Key()
@scenario
def scene():
    data = bytearray(2000)
    {line}
"""
    held = hold(write(tmp_path, source), grows=2400)
    assert name_of(held.first) == name
    assert 0.85 <= share(held.first, 2400) <= 1.1


def test_a_logger_per_call_is_held_by_the_dictionary_of_loggers_and_not_by_the_list_of_handlers(tmp_path: Path) -> None:
    source = f"""{HEAD}
@scenario
def scene(): logging.getLogger(f"shop.job{{next(NUMBERS)}}").addHandler(logging.NullHandler())
"""
    held = hold(write(tmp_path, source), grows=820)
    assert names(held.holders) == ["logging.Logger.manager.loggerDict"]
    assert held.container["length_per_call"] == pytest.approx(1.0, abs=0.05)
    assert 0.8 <= share(held.first, 820) <= 1.2
