"""Import what the plan names and make one callable of it, whatever form it has.

Whether the user wrote a plain function, a generator or the `async def` twin of either, what comes
out is a function without arguments: one call of it is one call of the scenario.
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
from leakcheck.scenario import DJANGO, ScenarioMark, Target, mark_of, parse_target, replaced

__builtins__ = BUILTINS

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Call = Callable[[], object]


class Replayable(Protocol):
    """What a pass replays: a loaded scenario, or the body of a test whose fixtures are set up."""

    def first_call(self) -> Call:
        """Replay once and return what replays it from now on."""

    def close(self) -> None:
        """Tear down what belongs to it."""


Load = Callable[[PassRequest], Replayable]
"""Makes what the plan names ready to be replayed."""


def load_file(path: Path) -> ModuleType:
    """Import a file under the name that its packages give it, as pytest's prepend mode does."""
    folder = path.resolve().parent
    parts = [path.stem]
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    _look_first_in(str(folder))
    return importlib.import_module(".".join(parts))


def make_current_folder_importable() -> None:
    """Let `package.module:callable` name a module that lies in the current folder."""
    _look_first_in(os.getcwd())


def _look_first_in(folder: str) -> None:
    """Have modules looked for there before anywhere else; who describes and measures says so twice."""
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def find_dotted(module: str, name: str) -> Any:
    """Return the object that `module:name` names. Raises UsageError where it is not there."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            hint = f"; for URLs of a project write django:{name} GET:/path/" if module == DJANGO else ""
            raise UsageError(f"{module}:{name}: {found!r} has no {part!r}{_near(found, part)}{hint}")
        found = getattr(found, part)
    return found


def _near(owner: Any, name: str) -> str:
    from difflib import get_close_matches  # a mistake is rare, and what is loaded is measured

    near = get_close_matches(name, dir(owner), 1)
    return f"; did you mean {near[0]}?" if near else ""


def marked_in(module: ModuleType) -> dict[str, tuple[ScenarioMark, Any]]:
    """Return the scenarios that a module itself defines, by name and in order."""
    found: dict[str, tuple[ScenarioMark, Any]] = {}
    for value in vars(module).values():
        mark = mark_of(value)
        if mark is not None and getattr(value, "__module__", None) == module.__name__:
            found[mark.name] = (mark, value)
    return found


Loaded = tuple[Callable[..., Any], Mapping[str, OptionValue | None]]
"""What a target names, and the arguments that it is called with."""


def _from_callable(target: Target, plan: PassRequest) -> Loaded:
    assert target.module is not None
    assert target.name is not None
    function = find_dotted(target.module, target.name)
    return function, _arguments(mark_of(function), plan)


def _from_file(target: Target, plan: PassRequest) -> Loaded:
    assert target.path is not None
    assert target.name is not None
    marked = marked_in(load_file(target.path))
    if target.name not in marked:
        raise UsageError(f"{target.path}: there is no scenario {target.name!r}")
    mark, function = marked[target.name]
    return function, _arguments(mark, plan)


def _from_site(target: Target, plan: PassRequest) -> Loaded:
    # by name: only a request wants what replays requests
    replay = importlib.import_module("leakcheck.worker.web.replay").replay_of(target, plan)
    return replay, {}


def _arguments(mark: ScenarioMark | None, plan: PassRequest) -> Mapping[str, OptionValue | None]:
    if mark is None or not mark.variants:
        return plan.options
    # the engine knows it as it can be written down
    variant = next((name for name in mark.variants if replaced(name) == plan.variant), plan.variant)
    return {"variant": variant, **plan.options}


_LOADERS: Mapping[str, Callable[[Target, PassRequest], Loaded]] = {
    "callable": _from_callable,
    "file": _from_file,
    "site": _from_site,
}


class LoadedScenario:
    """The loaded scenario: `call` replays it once, `close` tears it down."""

    def __init__(self, plan: PassRequest) -> None:
        make_current_folder_importable()
        self._loop: AbstractEventLoop | None = None
        self._generator: Any = None
        if plan.setup is not None:
            where = parse_target(plan.setup)
            if where.module is None or where.name is None:
                raise UsageError(f"--setup {plan.setup}: write package.module:callable")
            self._finish(find_dotted(where.module, where.name)())
        target = parse_target(plan.target)
        function, arguments = _LOADERS[target.kind](target, plan)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            self._generator = function(**arguments)
            self._call: Callable[..., object] = self._step_generator("was set up")
        elif arguments:
            self._call = lambda: function(**arguments)
        else:
            self._call = function

    def first_call(self) -> Call:
        """Replay once and return what replays it from now on.

        The first call shows whether the callable is awaited: a lambda around a coroutine function
        looks like any other lambda until it is called.
        """
        result = self._call()
        if not inspect.isawaitable(result):
            return self._call
        self._finish(result)
        call: Callable[[], Any] = self._call
        run = self._event_loop().run_until_complete
        return lambda: run(call())

    @property
    def bare_call(self) -> Callable[..., object]:
        """Return what replays it once, and an awaitable where that is to be awaited."""
        return self._call

    def close(self) -> None:
        """Run the scenario's tear-down and close its event loop."""
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
            import asyncio  # 4 MiB that only an async scenario should have

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop


async def _await(result: Awaitable[object]) -> object:
    return await result


def _next_of(generator: Any) -> Coroutine[Any, Any, object]:
    async def step() -> object:
        return await anext(generator)

    return step()
