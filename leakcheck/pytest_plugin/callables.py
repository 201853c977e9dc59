"""Make a callable without arguments from the body of a test, whatever kind of test it is.

It does not call pytest's hooks: a plugin that wraps the body, as pytest-memray does to trace it, must see it once, when
the test runs, and not in its replays.
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
    """A callable to replay; its first call shows whether it has to be awaited."""

    def __init__(self, call: Call, item: pytest.Item) -> None:
        self._call = call
        self._item = item
        self._loop: AbstractEventLoop | None = None
        self._mock_calls: MockCalls | None = None

    def first_call(self) -> Call:
        """Make the first call and return the callable that makes the others."""
        call = self._call
        calls: list[Call] = []
        self._mock_calls = mock_calls = MockCalls()
        try:
            with_cleanup(lambda: calls.append(self._first(call)), self._item, None)()
        except BaseException:
            mock_calls.restore()  # the test is still to run, and to fail as it does without replays
            raise
        mock_calls.first_replay_ended()
        return with_cleanup(calls[0], self._item, mock_calls.restore if mock_calls else None)

    def count_as_run(self) -> None:
        """Let the first replay count as the test's run: give its mocks the calls that they recorded in it."""
        if self._mock_calls is not None:
            self._mock_calls.restore_first_replay()

    def close(self) -> None:
        """Close the event loop, if one was needed."""
        if self._loop is not None:
            self._loop.close()

    def _first(self, call: Call) -> Call:
        result = call()
        if not inspect.isawaitable(result):
            return call
        try:
            run = self._event_loop().run_until_complete
        except UsageError:
            getattr(result, "close", do_nothing)()  # or Python warns that the coroutine was never awaited
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
        raise UsageError(
            "an async function cannot be replayed inside a running event loop; measure it in a plain `def` test"
        )


def do_nothing(**arguments: object) -> None:
    """Replace the body of a test that has run."""


async def _await(result: Any) -> object:
    return await result


def function_callable(item: pytest.Function) -> TestCallable:
    """Return the body of a function test, to be called with its fixtures' values."""
    function = item.obj
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    if "subtests" in arguments:
        arguments["subtests"] = _NoSubtests()
    if not is_async(function):
        return TestCallable(lambda: function(**arguments), item)
    return _PluginCallable(lambda: function(**arguments), item)


def is_async(function: object) -> bool:
    """Return whether a test is `async def`, and no plugin has made a plain function of it."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


class _PluginCallable(TestCallable):
    """An `async def` body. The plugin that handles it has the right event loop; without one we use our own."""

    def _first(self, call: Call) -> Call:
        assert isinstance(self._item, pytest.Function)
        item = self._item
        for run in plugins_for_async(item):
            if run(item) is not None:
                return lambda: run(item)
        return super()._first(call)


def plugins_for_async(item: pytest.Function) -> list[Callable[[pytest.Function], object]]:
    """Return the hooks by which other plugins run a test's body, without pytest's own and without wrappers."""
    return [
        hook.function
        for hook in reversed(item.ihook.pytest_pyfunc_call.get_hookimpls())
        if not (hook.hookwrapper or hook.wrapper)
        and hook.plugin_name != "python"
        and not hook.function.__module__.startswith(__package__ or "leakcheck")
    ]


def run_async(item: pytest.Function) -> None:
    """Run the body of an `async def` test that no plugin handles."""
    import asyncio

    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    result: Awaitable[object] = item.obj(**arguments)
    asyncio.run(_await(result))


class _NoSubtests:
    """Replaces the fixture `subtests`, which would report each of a thousand replays."""

    @contextmanager
    def test(self, *args: object, **kwargs: object) -> Iterator[None]:
        yield


@contextmanager
def replaced_method(item: TestCaseFunction, replay: Callable[[TestCallable], bool]) -> Iterator[Callable[[], bool]]:
    """Call `replay` with the body of a TestCase's method after its set-up, then run the body if `replay` returns True.

    This happens where unittest calls the method, not around the test: there the class's transactions are open, and the
    event loop of an async case is running. Yields a function that returns whether the test has passed.
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
        yield has_passed  # the class runs its methods differently: `replay` is never called
        return
    case._callTestMethod = call
    try:
        yield has_passed
    finally:
        del case._callTestMethod


def _with_cleanups(case: Any, call: Call) -> None:
    """Call a method, then the cleanups that it has added."""
    before = len(case._cleanups)
    try:
        call()
    finally:
        while len(case._cleanups) > before:
            function, args, kwargs = case._cleanups.pop()
            case._callCleanup(function, *args, **kwargs)
