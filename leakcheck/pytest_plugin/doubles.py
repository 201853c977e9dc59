"""What test doubles note of their calls, taken back after each replay.

A `Mock` keeps each call that it ever had, with its arguments, so that a test can ask for them: in a thousand
replays that grows, and it is the double's doing and not that of the code under test. So each replay finds
the records as the first one did, which also lets `assert_called_once` hold every time. Whatever else grows still
does: what a double returns or does on the side (`side_effect`, `wraps`) is the test's own.
"""

import gc
import sys
from collections.abc import Iterable, Iterator
from typing import Any

_MODULES = ("unittest.mock", "mock.mock")

# a mock has them under `_mock_…`, the function that stands for one with a signature has them as they are
_VALUES = {"called": False, "call_count": 0, "call_args": None, "await_count": 0, "await_args": None}
_LISTS = ("call_args_list", "mock_calls", "method_calls", "await_args_list")
_OF_SPIES = {"spy_return": None, "spy_return_iter": None, "spy_exception": None}
"""What pytest-mock's `mocker.spy` notes beside."""

_BLANK: dict[str, object] = {**_VALUES, **{f"_mock_{name}": value for name, value in _VALUES.items()}, **_OF_SPIES}
_NOTED = (*_LISTS, *(f"_mock_{name}" for name in _LISTS), "spy_return_list")

_MOST_ADOPTED = 100
"""What replays after the first have a mock make is kept, but no more than these: one may have ever new attributes."""

_State = tuple[dict[str, object], dict[str, list[object]]]


class _Record:
    """What one double has noted."""

    def __init__(self, names: dict[str, Any], *, is_new: bool) -> None:
        self._names = names
        self._lists: dict[str, list[object]] = {
            name: names[name] for name in _NOTED if isinstance(names.get(name), list)
        }
        now = self.state()
        self._start: _State = now
        if is_new:
            self._start = {name: _BLANK[name] for name in now[0]}, {name: [] for name in now[1]}
        # an empty one is to be watched too
        self._children: dict[str, object] = names.get("_mock_children", {})
        self._known = 0 if is_new else len(self._children)
        self._answer = None if is_new else names.get("_mock_return_value")

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

    def take_back(self) -> None:
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

    def new_ones(self) -> list[object]:
        """Return the doubles that it has made since it was asked last: attributes, and what it returns."""
        found: list[object] = []
        if len(self._children) != self._known:
            found += list(self._children.values())[self._known :]
            self._known = len(self._children)
        if self._names.get("_mock_return_value") is not self._answer:
            self._answer = self._names.get("_mock_return_value")
            found.append(self._answer)
        return found

    def forget_new_ones(self) -> None:
        """Drop the attributes that it has made since it was asked last."""
        while len(self._children) > self._known:
            self._children.popitem()


class Doubles:
    """The doubles that there are when it is made, right before the first replay."""

    def __init__(self) -> None:
        self._records: list[_Record] = []
        self._known: set[int] = set()
        self._after_first: list[tuple[_Record, _State]] = []
        self._room = 0
        if _are_there_any():
            gc.collect()  # those of earlier tests
            self._add(_living(), is_new=False)

    def first_is_over(self) -> None:
        """Take in those that the first replay made, and take back what it left with all of them."""
        if not _are_there_any():
            return
        gc.collect()
        self._add(_living(), is_new=True)
        for record in self._records:
            record.new_ones()
        self._after_first = [(record, record.state()) for record in self._records]
        self._room = _MOST_ADOPTED
        self.take_back()

    def take_back(self) -> None:
        """Have all of them know what they knew before the first replay."""
        for record in self._records:
            record.take_back()
            if self._room:
                made = record.new_ones()
                if made:
                    self._room = max(0, self._room - len(made))
                    # at the end of the list that is gone through: their records are taken back in turn
                    self._add((names for one in made for names in _names_of(one, _bases())), is_new=True)
            else:
                record.forget_new_ones()

    def put_back(self) -> None:
        """Have all of them know what the first replay left, where that was the test's run."""
        for record, state in self._after_first:
            record.put(state)

    def __bool__(self) -> bool:
        return bool(self._records)

    def _add(self, found: Iterable[dict[str, Any]], *, is_new: bool) -> None:
        for names in found:
            if id(names) not in self._known:
                self._known.add(id(names))
                self._records.append(_Record(names, is_new=is_new))


def _bases() -> tuple[type, ...]:
    found = (getattr(sys.modules.get(name), "NonCallableMock", None) for name in _MODULES)
    return tuple(base for base in found if isinstance(base, type))


def _are_there_any() -> bool:
    """Tell whether any mock lives: each has a class of its own."""
    classes = list(_bases())
    while classes:
        one = classes.pop()
        if getattr(sys.modules.get(one.__module__), one.__name__, None) is not one:
            return True
        classes += type.__subclasses__(one)
    return False


def _living() -> Iterator[dict[str, Any]]:
    bases = _bases()
    for one in gc.get_objects():
        yield from _names_of(one, bases)


def _names_of(one: object, bases: tuple[type, ...]) -> Iterator[dict[str, Any]]:
    """Yield the dictionaries that a double notes its calls in; none for what is no double. None of its code is run."""
    if not issubclass(type(one), bases):
        return
    names = object.__getattribute__(one, "__dict__")
    yield names
    function = names.get("_mock_delegate")  # with a signature: a function stands for the mock, and has the records
    if function is not None and isinstance(getattr(function, "__dict__", None), dict):
        yield function.__dict__
