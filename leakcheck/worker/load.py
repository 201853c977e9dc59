"""Load a target as a callable without arguments, whatever form it has: one call of it is one call of the scenario.

The user may write a function, a generator, or the `async def` form of either.
"""

import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from leakcheck.model.errors import ScenarioFailed, UsageError
from leakcheck.model.protocol import OptionValue, PassRequest
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.scenario import DJANGO, ScenarioMark, Target, mark_of, parse_target, replace_surrogates

__builtins__ = BUILTINS

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Call = Callable[[], object]


class Replayable(Protocol):
    """What a pass replays: a loaded scenario, or the body of a test whose fixtures are set up."""

    def first_call(self) -> Call:
        """Make the first call and return the callable that makes the others."""

    def close(self) -> None:
        """Tear it down."""


Load = Callable[[PassRequest], Replayable]


def load_file(path: Path) -> ModuleType:
    """Import a file under the name that its packages give it, as pytest's prepend mode does."""
    folder = path.resolve().parent
    parts = [path.stem]
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    _put_first_on_path(str(folder))
    return importlib.import_module(".".join(parts))


def make_current_folder_importable() -> None:
    """Let `package.module:callable` name a module in the current folder."""
    _put_first_on_path(os.getcwd())


def _put_first_on_path(folder: str) -> None:
    if folder in sys.path:  # a process that collects and then measures comes here twice
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def find_dotted(module: str, name: str) -> Any:
    """Return the object that `module:name` names. Raises UsageError if there is none."""
    result: Any = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(result, part):
            hint = f"; for URLs of a project write django:{name} GET:/path/" if module == DJANGO else ""
            owner = f"module {module}" if result is sys.modules.get(module) else repr(result)
            raise UsageError(f"{module}:{name}: {owner} has no {part!r}{_suggestion(result, part)}{hint}")
        result = getattr(result, part)
    return result


def _suggestion(owner: Any, name: str) -> str:
    from difflib import get_close_matches  # here, because what is loaded is measured

    matches = get_close_matches(name, dir(owner), 1)
    return f"; did you mean {matches[0]}?" if matches else ""


def marked_scenarios(module: ModuleType) -> dict[str, tuple[ScenarioMark, Any]]:
    """Return the marked scenarios that a module itself defines, by name, in order of definition."""
    scenarios: dict[str, tuple[ScenarioMark, Any]] = {}
    for value in vars(module).values():
        mark = mark_of(value)
        if mark is not None and getattr(value, "__module__", None) == module.__name__:
            scenarios[mark.name] = (mark, value)
    return scenarios


def signature_of(function: Any) -> inspect.Signature | None:
    """Return the signature of a callable; None if it has none, like some that are written in C."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


Loaded = tuple[Callable[..., Any], Mapping[str, OptionValue | None]]
"""The function that a target names, and the arguments it is called with."""


def _from_callable(target: Target, pass_request: PassRequest) -> Loaded:
    assert target.module is not None
    assert target.name is not None
    function = find_dotted(target.module, target.name)
    return function, _arguments(mark_of(function), pass_request)


def _from_file(target: Target, pass_request: PassRequest) -> Loaded:
    assert target.path is not None
    assert target.name is not None
    marked = marked_scenarios(load_file(target.path))
    if target.name not in marked:
        raise UsageError(f"{target.path}: there is no scenario {target.name!r}")
    mark, function = marked[target.name]
    return function, _arguments(mark, pass_request)


def _from_request(target: Target, pass_request: PassRequest) -> Loaded:
    from leakcheck.worker.web.scenarios import make_replay  # here: only requests need it

    return make_replay(target, pass_request), {}


def _arguments(mark: ScenarioMark | None, pass_request: PassRequest) -> Mapping[str, OptionValue | None]:
    if mark is None or not mark.variants:
        return pass_request.options
    # the request has the variant's name with lone surrogates replaced
    variant = next(
        (name for name in mark.variants if replace_surrogates(name) == pass_request.variant), pass_request.variant
    )
    return {"variant": variant, **pass_request.options}


_LOADERS = {"callable": _from_callable, "file": _from_file, "site": _from_request}


class LoadedScenario:
    """A scenario that is set up: `first_call` returns what replays it, `close` tears it down."""

    def __init__(self, pass_request: PassRequest) -> None:
        make_current_folder_importable()
        self._loop: AbstractEventLoop | None = None
        self._generator: Any = None
        if pass_request.setup is not None:
            setup = parse_target(pass_request.setup)
            if setup.module is None or setup.name is None:
                raise UsageError(f"--setup {pass_request.setup}: write package.module:callable")
            self._finish(find_dotted(setup.module, setup.name)())
        target = parse_target(pass_request.target)
        function, arguments = _LOADERS[target.kind](target, pass_request)
        # what replays it once; its result is an awaitable if the scenario is async
        self.raw_call: Callable[..., object] = function
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            self._generator = function(**arguments)
            self.raw_call = self._step_generator("was set up")
        elif arguments:
            self.raw_call = lambda: function(**arguments)

    def first_call(self) -> Call:
        """Make the first call and return the callable that makes the others.

        The first call shows whether the result has to be awaited: a lambda around a coroutine function
        looks like any other lambda until it is called.
        """
        result = self.raw_call()
        if not inspect.isawaitable(result):
            return self.raw_call
        self._finish(result)
        call: Callable[[], Any] = self.raw_call
        run = self._event_loop().run_until_complete
        return lambda: run(call())

    def close(self) -> None:
        """Run the scenario's tear-down and close its event loop.

        Raises ScenarioFailed if its generator yields a second time.
        """
        if self._generator is not None:
            try:
                self._step_generator("was torn down")
            except (StopIteration, StopAsyncIteration):
                pass
            else:
                raise ScenarioFailed("the generator yielded a second time; a scenario yields once")
        if self._loop is not None:
            self._loop.close()

    def _step_generator(self, when: str) -> Callable[..., object]:
        if inspect.isasyncgen(self._generator):
            yielded = self._event_loop().run_until_complete(_next_of(self._generator))
        else:
            yielded = next(self._generator)
        if not callable(yielded):
            raise ScenarioFailed(f"the generator yielded {type(yielded).__name__} when it {when}, not a callable")
        return yielded

    def _finish(self, result: object) -> None:
        if inspect.isawaitable(result):
            self._event_loop().run_until_complete(_await(result))

    def _event_loop(self) -> "AbstractEventLoop":
        if self._loop is None:
            import asyncio  # 4 MiB, which only an async scenario should have

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop


async def _await(result: Awaitable[object]) -> object:
    return await result


def _next_of(generator: Any) -> Coroutine[Any, Any, object]:
    async def step() -> object:
        return await anext(generator)

    return step()
