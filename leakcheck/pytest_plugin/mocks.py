"""What test doubles note of their calls, taken back after each replay.

A `Mock` keeps each call that it ever had, with its arguments, so that a test can ask for them: in a thousand
replays that grows, and it is the double's doing and not that of the code under test. So each replay finds
the records as the first one did, which also lets `assert_called_once` hold every time. Whatever else grows still
does: what a double returns or does on the side (`side_effect`, `wraps`) is the test's own.
"""

import gc
import sys
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

_MODULES = ("unittest.mock", "mock.mock")

# a mock has them under `_mock_…`, the function that stands for one with a signature has them as they are
_VALUES = {"called": False, "call_count": 0, "call_args": None, "await_count": 0, "await_args": None}
_LISTS = ("call_args_list", "mock_calls", "method_calls", "await_args_list")
_SPY_VALUES = {"spy_return": None, "spy_return_iter": None, "spy_exception": None}
"""What pytest-mock's `mocker.spy` notes beside."""

_BLANK: dict[str, object] = {**_VALUES, **{f"_mock_{name}": value for name, value in _VALUES.items()}, **_SPY_VALUES}
_RECORD_LISTS = (*_LISTS, *(f"_mock_{name}" for name in _LISTS), "spy_return_list")

_MOST_CHILDREN = 100
"""Attributes that later replays have one mock make are kept, but no more than these: it may have ever new ones."""

_State = tuple[dict[str, object], dict[str, list[object]]]


class _MockRecord:
    """What one double has noted."""

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
        # an empty one is to be watched too
        self._children: dict[str, object] = names.get("_mock_children", {})
        self._answer = None if is_new else names.get("_mock_return_value")
        self._seen = 0 if is_new else len(self._children)
        # those that have a record, and those that have made this one, by their names' ids: two may answer each other
        self._known = known
        self._above = above | {id(names)}
        # here, and not with those that are always there: what a replay puts in the place of another one goes with it
        self._made: list[_MockRecord] = []
        self._answers: list[_MockRecord] = []

    def state(self) -> _State:
        """Return what is noted now."""
        names = self._names
        values = {name: names[name] for name in _BLANK if name in names}
        return values, {name: list(names[name]) for name in self._lists if name in names}

    def put(self, state: _State) -> None:
        """Have it noted what was noted then."""
        values, entries = state
        self._names.update(values)
        for name, found in self._lists.items():
            self._names[name] = found  # `reset_mock` has put a new list there
            found[:] = entries.get(name, ())

    def restore(self) -> None:
        """Have it noted what was noted at the start."""
        names, (values, entries) = self._names, self._start
        for name, value in values.items():
            if names.get(name) is not value:
                names[name] = value
        for name, found in self._lists.items():
            start = entries[name]
            if names.get(name) is not found or len(found) != len(start) or (start and found[-1] is not start[-1]):
                names[name] = found
                found[:] = start

        self._look_for_new_ones()
        for record in (*self._made, *self._answers):
            record.restore()

    def mark_all_known(self) -> None:
        """Take it that what it has made so far has records already."""
        self._seen, self._answer = len(self._children), self._names.get("_mock_return_value")

    def _look_for_new_ones(self) -> None:
        """Find the doubles that it has made since then: attributes, and what it returns."""
        answer = self._names.get("_mock_return_value")
        if answer is not self._answer:
            self._answer, self._answers = answer, self._new_records(answer)
        if len(self._children) == self._seen:
            return
        if len(self._made) < _MOST_CHILDREN:
            for child in list(self._children.values())[self._seen :]:
                self._made += self._new_records(child)
            self._seen = len(self._children)
        while len(self._children) > self._seen:
            self._children.popitem()

    def _new_records(self, double: object) -> "list[_MockRecord]":
        return [
            _MockRecord(names, self._known, is_new=True, above=self._above)
            for names in _record_dicts(double, _bases())
            if id(names) not in self._known and id(names) not in self._above
        ]


class MockCalls:
    """The doubles that there are when it is made, right before the first replay."""

    def __init__(self) -> None:
        self._records: list[_MockRecord] = []
        self._known: set[int] = set()
        self._after_first: list[tuple[_MockRecord, _State]] = []
        if _any_mock_exists():
            gc.collect()  # those of earlier tests
            self._add(_living_records(), is_new=False)

    def first_replay_ended(self) -> None:
        """Take in those that the first replay made, and take back what it left with all of them."""
        if not _any_mock_exists():
            return
        gc.collect()
        self._add(_living_records(), is_new=True)
        for record in self._records:
            record.mark_all_known()
        self._after_first = [(record, record.state()) for record in self._records]
        self.restore()

    def restore(self) -> None:
        """Have all of them know what they knew before the first replay."""
        for record in self._records:
            record.restore()

    def restore_first_replay(self) -> None:
        """Have all of them know what the first replay left, where that was the test's run."""
        for record, state in self._after_first:
            record.put(state)

    def __bool__(self) -> bool:
        return bool(self._records)

    def _add(self, found: Iterable[dict[str, Any]], *, is_new: bool) -> None:
        for names in found:
            if id(names) not in self._known:
                self._known.add(id(names))
                self._records.append(_MockRecord(names, self._known, is_new=is_new))


def _bases() -> tuple[type, ...]:
    found = (getattr(sys.modules.get(name), "NonCallableMock", None) for name in _MODULES)
    return tuple(base for base in found if isinstance(base, type))


def _any_mock_exists() -> bool:
    """Tell whether any mock lives: each has a class of its own."""
    classes = list(_bases())
    while classes:
        one = classes.pop()
        if getattr(sys.modules.get(one.__module__), one.__name__, None) is not one:
            return True
        classes += type.__subclasses__(one)
    return False


def _living_records() -> Iterator[dict[str, Any]]:
    bases = _bases()
    for one in gc.get_objects():
        yield from _record_dicts(one, bases)


def _record_dicts(one: object, bases: tuple[type, ...]) -> Iterator[dict[str, Any]]:
    """Yield the dictionaries that a double notes its calls in; none for what is no double. None of its code is run."""
    if not issubclass(type(one), bases):
        return
    names = object.__getattribute__(one, "__dict__")
    yield names
    function = names.get("_mock_delegate")  # with a signature: a function stands for the mock, and has the records
    if function is not None and isinstance(getattr(function, "__dict__", None), dict):
        yield function.__dict__
