"""What is replayed: a test's body as a callable without arguments, whatever kind of test it is.

Nothing here goes through pytest's hooks: a plugin that wraps the body (pytest-memray traces it) must
see it once, when it is run, and not in its replays.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.unittest import TestCaseFunction

from leakcheck.model.errors import UsageError
from leakcheck.pytest_plugin.cleanup import with_cleanup
from leakcheck.pytest_plugin.mocks import MockCalls

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Call = Callable[[], object]


class TestCallable:
    """A callable that is replayed; its first call shows whether it has to be awaited."""

    def __init__(self, call: Call, item: pytest.Item) -> None:
        self._call = call
        self._item = item
        self._loop: AbstractEventLoop | None = None
        self._doubles: MockCalls | None = None

    def first_call(self) -> Call:
        """Replay once and return what replays it from now on."""
        call = self._call
        found: list[Call] = []
        self._doubles = doubles = MockCalls()
        try:
            with_cleanup(lambda: found.append(self._first(call)), self._item, None)()
        except BaseException:
            doubles.restore()  # the test runs once more, and is to fail as it always does
            raise
        doubles.first_replay_ended()
        return with_cleanup(found[0], self._item, doubles.restore if doubles else None)

    def count_as_run(self) -> None:
        """Have the test's doubles know the calls of the first replay: no other run is to come."""
        if self._doubles is not None:
            self._doubles.restore_first_replay()

    def close(self) -> None:
        """Close the event loop, where one was needed."""
        if self._loop is not None:
            self._loop.close()

    def _first(self, call: Call) -> Call:
        result = call()
        if not inspect.isawaitable(result):
            return call
        try:
            run = self._event_loop().run_until_complete
        except UsageError:
            getattr(result, "close", do_nothing)()  # or it would warn that nobody has awaited it
            raise
        run(_await(result))
        return lambda: run(_await(call()))

    def _event_loop(self) -> "AbstractEventLoop":
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._loop = asyncio.new_event_loop()
            return self._loop
        raise UsageError("an async function cannot be replayed inside a running loop: measure it in a plain `def` test")


def do_nothing(**arguments: object) -> None:
    """Stand in for a body that has run."""


async def _await(result: Any) -> object:
    return await result


def function_callable(item: pytest.Function) -> TestCallable:
    """Return the body of a function test, with its fixtures' values, as it is just about to be called."""
    function = item.obj
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    if "subtests" in arguments:
        arguments["subtests"] = _NoSubtests()
    if not is_async(function):
        return TestCallable(lambda: function(**arguments), item)
    return _PluginCallable(lambda: function(**arguments), item)


def is_async(function: object) -> bool:
    """Tell whether a test is `async def`, and nobody has made a plain function of it."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


class _PluginCallable(TestCallable):
    """An `async def` body: a plugin that is there for it has the right event loop; else one of ours has to do."""

    def _first(self, call: Call) -> Call:
        assert isinstance(self._item, pytest.Function)
        item = self._item
        for run in plugins_for_async(item):
            if run(item) is not None:
                return lambda: run(item)
        return super()._first(call)


def plugins_for_async(item: pytest.Function) -> list[Callable[[pytest.Function], object]]:
    """Return what other plugins run a test's body with, pytest's own and what only wraps left out."""
    return [
        hook.function
        for hook in reversed(item.ihook.pytest_pyfunc_call.get_hookimpls())
        if not (hook.hookwrapper or hook.wrapper)
        and hook.plugin_name != "python"
        and not hook.function.__module__.startswith(__package__ or "leakcheck")
    ]


def run_async(item: pytest.Function) -> None:
    """Run the body of an `async def` test that no plugin is there for."""
    import asyncio

    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    result: Awaitable[object] = item.obj(**arguments)
    asyncio.run(_await(result))


class _NoSubtests:
    """Stands in for the fixture of that name, which would report each of a thousand replays."""

    @contextmanager
    def test(self, *words: object, **said: object) -> Iterator[None]:
        yield


@contextmanager
def replaced_method(item: TestCaseFunction, replay: Callable[[TestCallable], bool]) -> Iterator[Callable[[], bool]]:
    """Have `replay` called with the body of a TestCase's method, after all set-up; where it says so, it is run then.

    In the place where unittest calls it, and not around it: there the class's transactions are open, and
    an event loop of the case's own waits outside. What is yielded tells whether the test has passed.
    """
    case: Any = item.instance
    original: Any = getattr(case, "_callTestMethod", None)
    outcomes: list[Any] = []

    def call(method: Callable[[], object]) -> None:
        outcomes.append(case._outcome)
        case._outcome = None  # so that a subtest that fails raises
        try:
            is_to_run = replay(TestCallable(lambda: _with_cleanups(case, lambda: original(method)), item))
        finally:
            case._outcome = outcomes[0]
        if is_to_run:
            original(method)

    def has_passed() -> bool:
        return not item._excinfo and all(outcome.success for outcome in outcomes)

    if original is None:
        yield has_passed  # a class that has a way of its own; whoever asks sees that nothing was replayed
        return
    case._callTestMethod = call
    try:
        yield has_passed
    finally:
        del case._callTestMethod


def _with_cleanups(case: Any, call: Call) -> None:
    """Run a method and what it has asked to be run after it."""
    before = len(case._cleanups)
    try:
        call()
    finally:
        while len(case._cleanups) > before:
            function, words, said = case._cleanups.pop()
            case._callCleanup(function, *words, **said)
