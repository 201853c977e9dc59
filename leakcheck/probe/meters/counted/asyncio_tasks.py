"""Count and name the asyncio tasks that are not done."""

import sys
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.meters.counted import Labels, Read
from leakcheck.probe.meters.resource_labels import STANDARD_LIBRARY, location
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_TRIES = 3  # any value from 2 to 10 does: a list that changes is read again
_MAX_AWAITS = 100  # any value from 20 to 1000 does: an await of itself would not end
_SUSPENDED = {CoroutineType: "cr", GeneratorType: "gi", AsyncGeneratorType: "ag"}


def reader() -> Read:
    """Return a reader of their number; it returns 0 until asyncio is loaded."""

    def read() -> int:
        module = sys.modules.get("asyncio.tasks")
        if module is None:
            return 0
        for _ in range(_TRIES):
            try:
                return sum(1 for task in _all_tasks(module) if _is_pending(task))
            except RuntimeError:
                continue  # another thread created one meanwhile
        return 0

    return read


def _all_tasks(module: Any) -> Any:
    """Yield every task of all loops and threads, from the table in `asyncio.tasks`."""
    # 3.12 renamed it; `asyncio.all_tasks` would build lists and sets
    table = vars(module).get("_scheduled_tasks") or vars(module).get("_all_tasks")
    for reference in getattr(table, "data", ()):
        task = reference()
        if task is not None:
            yield task


def _is_pending(task: Any) -> bool:
    """Return whether a task is not done, asking asyncio's own function: the user's subclass may define `done`."""
    accelerated = sys.modules.get("_asyncio")
    for future in (getattr(accelerated, "Future", None), vars(sys.modules["asyncio.futures"]).get("_PyFuture")):
        if future is not None and issubclass(type(task), future):
            return not future.done(task)
    return True


def labels() -> Labels:
    """Yield each by its coroutine and where it waits."""
    module = sys.modules.get("asyncio.tasks")
    for task in list(_all_tasks(module)) if module is not None else ():
        if _is_pending(task):
            yield id(task), _describe_task(task)


def _describe_task(task: Any) -> str:
    coroutine = _coroutine(task)
    chain = list(_awaited(coroutine))
    if not chain:
        return f"a {introspect.dotted_name(type(task))}"
    frames = [frame for _, frame in chain if frame is not None]
    own_frames = [frame for frame in frames if not frame.f_code.co_filename.startswith(STANDARD_LIBRARY)]
    name = chain[0][0].co_qualname
    return f"{name}, waits at {location((own_frames or frames)[-1])}" if frames else f"{name}, not started"


def _coroutine(task: Any) -> Any:
    accelerated = getattr(sys.modules.get("_asyncio"), "Task", None)
    if accelerated is not None and issubclass(type(task), accelerated):
        return accelerated.get_coro(task)
    return introspect.attribute(task, "_coro")


def _awaited(coroutine: Any) -> Iterator[tuple[Any, FrameType | None]]:
    """Yield code and frame of a coroutine, then of what it awaits, and so on; the innermost last."""
    for _ in range(_MAX_AWAITS):
        prefix = next((word for kind, word in _SUSPENDED.items() if type(coroutine) is kind), None)
        if prefix is None:
            return
        yield getattr(coroutine, f"{prefix}_code"), getattr(coroutine, f"{prefix}_frame")
        coroutine = getattr(coroutine, f"{prefix}_{'yieldfrom' if prefix == 'gi' else 'await'}")
