"""Restore the calls that mocks have recorded after each replay.

A `Mock` records all of its calls with their arguments. In a thousand replays that grows, and it is not a leak of the
code under test. So each replay starts with the records that the first one started with, and `assert_called_once`
passes every time. Other growth is still seen: what a mock returns or does besides (`side_effect`, `wraps`) belongs to
the test.
"""

import gc
import sys
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

_MODULES = ("unittest.mock", "mock.mock")

# attributes of a mock with the prefix `_mock_`, and without it of the function that replaces an autospecced one
_VALUES = {"called": False, "call_count": 0, "call_args": None, "await_count": 0, "await_args": None}
_LISTS = ("call_args_list", "mock_calls", "method_calls", "await_args_list")
_SPY_VALUES = {"spy_return": None, "spy_return_iter": None, "spy_exception": None}
"""Attributes that pytest-mock's `mocker.spy` adds."""

_BLANK: dict[str, object] = {**_VALUES, **{f"_mock_{name}": value for name, value in _VALUES.items()}, **_SPY_VALUES}
_RECORD_LISTS = (*_LISTS, *(f"_mock_{name}" for name in _LISTS), "spy_return_list")

_MOST_CHILDREN = 100
"""Child mocks that later replays create are kept up to this number for each mock: they may have ever new names."""

_State = tuple[dict[str, object], dict[str, list[object]]]


class _MockRecord:
    """The records of one mock."""

    def __init__(
        self, names: dict[str, Any], known: AbstractSet[int], *, is_new: bool, above: frozenset[int] = frozenset()
    ) -> None:
        self._names = names
        self._lists: dict[str, list[object]] = {
            name: names[name] for name in _RECORD_LISTS if isinstance(names.get(name), list)
        }
        now = self.state()
        self._start: _State = now
        if is_new:
            self._start = {name: _BLANK[name] for name in now[0]}, {name: [] for name in now[1]}
        # the same dictionary even if it is empty, to see what is added
        self._children: dict[str, object] = names.get("_mock_children", {})
        self._return_value = None if is_new else names.get("_mock_return_value")
        self._known_children = 0 if is_new else len(self._children)
        # ids of the dictionaries of mocks that have a record, and of this one's parents: mocks may return each other
        self._known = known
        self._above = above | {id(names)}
        # kept here, not in MockCalls, so that they go when a replay replaces the mock that they belong to
        self._child_records: list[_MockRecord] = []
        self._return_value_records: list[_MockRecord] = []

    def state(self) -> _State:
        """Return the present records."""
        names = self._names
        values = {name: names[name] for name in _BLANK if name in names}
        return values, {name: list(names[name]) for name in self._lists if name in names}

    def set_state(self, state: _State) -> None:
        """Replace the records."""
        values, entries = state
        self._names.update(values)
        for name, records in self._lists.items():
            self._names[name] = records  # `reset_mock` has put a new list there
            records[:] = entries.get(name, ())

    def restore(self) -> None:
        """Restore the records of the start, here and in the mocks that this one has made since."""
        names, (values, entries) = self._names, self._start
        for name, value in values.items():
            if names.get(name) is not value:
                names[name] = value
        for name, records in self._lists.items():
            start = entries[name]
            if names.get(name) is not records or len(records) != len(start) or (start and records[-1] is not start[-1]):
                names[name] = records
                records[:] = start

        self._find_new_mocks()
        for record in (*self._child_records, *self._return_value_records):
            record.restore()

    def mark_all_known(self) -> None:
        """Note that the present children and the return value have records already."""
        self._known_children, self._return_value = len(self._children), self._names.get("_mock_return_value")

    def _find_new_mocks(self) -> None:
        return_value = self._names.get("_mock_return_value")
        if return_value is not self._return_value:
            self._return_value, self._return_value_records = return_value, self._new_records(return_value)
        if len(self._children) == self._known_children:
            return
        if len(self._child_records) < _MOST_CHILDREN:
            for child in list(self._children.values())[self._known_children :]:
                self._child_records += self._new_records(child)
            self._known_children = len(self._children)
        while len(self._children) > self._known_children:
            self._children.popitem()

    def _new_records(self, mock: object) -> "list[_MockRecord]":
        return [
            _MockRecord(names, self._known, is_new=True, above=self._above)
            for names in _record_dicts(mock, _bases())
            if id(names) not in self._known and id(names) not in self._above
        ]


class MockCalls:
    """The records of all mocks. Create it right before the first replay."""

    def __init__(self) -> None:
        self._records: list[_MockRecord] = []
        self._known: set[int] = set()
        self._after_first: list[tuple[_MockRecord, _State]] = []
        if _any_mock_exists():
            gc.collect()  # mocks of earlier tests
            self._add(_living_records(), is_new=False)

    def first_replay_ended(self) -> None:
        """Add the mocks that the first replay has made, and restore the records of all."""
        if not _any_mock_exists():
            return
        gc.collect()
        self._add(_living_records(), is_new=True)
        for record in self._records:
            record.mark_all_known()
        self._after_first = [(record, record.state()) for record in self._records]
        self.restore()

    def restore(self) -> None:
        """Restore the records from before the first replay."""
        for record in self._records:
            record.restore()

    def restore_first_replay(self) -> None:
        """Restore the records that the first replay left, if it counts as the test's run."""
        for record, state in self._after_first:
            record.set_state(state)

    def __bool__(self) -> bool:
        return bool(self._records)

    def _add(self, records: Iterable[dict[str, Any]], *, is_new: bool) -> None:
        for names in records:
            if id(names) not in self._known:
                self._known.add(id(names))
                self._records.append(_MockRecord(names, self._known, is_new=is_new))


def _bases() -> tuple[type, ...]:
    classes = (getattr(sys.modules.get(name), "NonCallableMock", None) for name in _MODULES)
    return tuple(mock_class for mock_class in classes if isinstance(mock_class, type))


def _any_mock_exists() -> bool:
    """Return whether any mock exists: each has a class of its own, which is no attribute of its module."""
    classes = list(_bases())
    while classes:
        cls = classes.pop()
        if getattr(sys.modules.get(cls.__module__), cls.__name__, None) is not cls:
            return True
        classes += type.__subclasses__(cls)
    return False


def _living_records() -> Iterator[dict[str, Any]]:
    bases = _bases()
    for candidate in gc.get_objects():
        yield from _record_dicts(candidate, bases)


def _record_dicts(candidate: object, bases: tuple[type, ...]) -> Iterator[dict[str, Any]]:
    """Yield the dictionaries in which a mock records its calls; none for other objects. Runs none of their code."""
    if not issubclass(type(candidate), bases):
        return
    names = object.__getattribute__(candidate, "__dict__")
    yield names
    function = names.get("_mock_delegate")  # of an autospecced mock: the function that has its records
    if function is not None and isinstance(getattr(function, "__dict__", None), dict):
        yield function.__dict__
