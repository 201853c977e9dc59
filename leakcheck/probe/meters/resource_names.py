"""Name what rises beside memory: which files, whose threads, which tasks, what children.

Asked once, after the calls; here allocating is no harm. None of the user's code is run: names are read
through the types' own descriptors.
"""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import AsyncGeneratorType, CoroutineType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.meters.resource_labels import describe_socket, grouped
from leakcheck.probe.meters.resources import all_tasks, is_pending
from leakcheck.probe.originals import BUILTINS, gc, os

resource: ModuleType | None
try:
    import resource  # not in the function: tests of users patch `__import__`
except ImportError:  # not on Windows
    resource = None
__builtins__ = BUILTINS

_MOST_NAMED = 10
_MOST_CHARACTERS = 200
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(threading.__file__))
_MOST_AWAITS = 100

Labels = Iterator[tuple[object, str]]
"""What tells one from another, and what it is called."""


def make_room_for_files(most: int = 65_536) -> None:
    """Raise the soft limit of open files: a leak is to be measured, and not to end as an error on call 1000."""
    if resource is None:
        return
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        pass


def snapshot() -> dict[str, frozenset[object]]:
    """Return what is there already, by kind: the names are to be those of what came later."""
    return {kind: frozenset(one for one, _ in _safe(labels())) for kind, labels in _LABELS.items()}


def name_resources(
    kinds: Sequence[str], before: dict[str, frozenset[object]] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return, for each kind, what there is of it and how many: `[{"what": "/tmp/a.log", "count": 200}]`.

    The most frequent first, at most ten. What was there `before` is left out, unless nothing else is.
    """
    answer = {}
    for kind in kinds:
        there = list(_safe(_LABELS[kind]())) if kind in _LABELS else []
        old = (before or {}).get(kind, frozenset())
        new = [label for one, label in there if one not in old] or [label for _, label in there]
        counts = grouped(Counter(label[:_MOST_CHARACTERS] for label in new))
        answer[kind] = [{"what": what, "count": count} for what, count in counts.most_common(_MOST_NAMED)]
    return answer


def _safe(labels: Labels) -> Labels:
    """Yield as long as it goes: what is named may end or change while it is looked at."""
    try:
        yield from labels
    except (OSError, RuntimeError, LookupError, ValueError):
        return


# --- open files -----------------------------------------------------------------------------------


def _open_files() -> Labels:
    for number in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the one that the listing opened
        yield (number, target), _describe_file(number, target)


def _describe_file(number: int, target: str) -> str:
    if target.startswith("socket:"):
        return describe_socket(number)
    if target.startswith("anon_inode:"):
        return target.removeprefix("anon_inode:").strip("[]").replace("eventpoll", "epoll")
    return "a pipe" if target.startswith("pipe:") else target


# --- threads --------------------------------------------------------------------------------------


def _threads() -> Labels:
    frames = sys._current_frames()
    native_ids = set()
    for identity, thread in dict(threading._active).items():  # type: ignore[attr-defined]
        native_ids.add(str(introspect.attribute(thread, "_native_id")))
        if identity == threading.main_thread().ident:
            continue
        name = introspect.attribute(thread, "_name")
        parts = [name if type(name) is str else "a thread"]
        target = introspect.attribute(thread, "_target")
        if target is not None:
            parts.append(f"runs {_function_name(target)}")
        if identity in frames:
            parts.append(f"stands at {_place(_own_frame(frames[identity]))}")
        yield identity, ", ".join(parts)
    for number in sorted(os.listdir("/proc/self/task")):
        if number not in native_ids and number != str(os.getpid()):
            yield number, f"native thread {_read(f'/proc/self/task/{number}/comm').strip()}"


def _function_name(function: Any) -> str:
    if type(function) is MethodType:
        function = function.__func__
    if type(function) is FunctionType:
        name = f"{function.__module__}.{function.__qualname__}"
        return name if type(function.__module__) is str else str(function.__qualname__)
    return f"a {introspect.dotted_name(type(function))}"


def _own_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame that is not the standard library's, else the innermost of all."""
    found: FrameType | None = frame
    while found is not None:
        if not found.f_code.co_filename.startswith((_STANDARD_LIBRARY, _OURS, "<")):
            return found
        found = found.f_back
    return frame


def _place(frame: FrameType) -> str:
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_qualname}"


def _short(path: str) -> str:
    """Return a path as a person here would write it."""
    try:
        here = os.getcwd() + os.sep
    except OSError:
        here = ""  # it was deleted
    return path.removeprefix(here).removeprefix(_STANDARD_LIBRARY + os.sep)


# --- asyncio tasks --------------------------------------------------------------------------------


def _tasks() -> Labels:
    module = sys.modules.get("asyncio.tasks")
    for task in list(all_tasks(module)) if module is not None else ():
        if is_pending(task):
            yield id(task), _describe_task(task)


def _describe_task(task: Any) -> str:
    coroutine = _coroutine(task)
    chain = list(_awaited(coroutine))
    if not chain:
        return f"a {introspect.dotted_name(type(task))}"
    frames = [frame for _, frame in chain if frame is not None]
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_STANDARD_LIBRARY)]
    name = chain[0][0].co_qualname
    return f"{name}, waits at {_place((own or frames)[-1])}" if frames else f"{name}, not started"


def _coroutine(task: Any) -> Any:
    accelerated = getattr(sys.modules.get("_asyncio"), "Task", None)
    if accelerated is not None and issubclass(type(task), accelerated):
        return accelerated.get_coro(task)
    return introspect.attribute(task, "_coro")


def _awaited(coroutine: Any) -> Iterator[tuple[Any, FrameType | None]]:
    """Yield the code and the frame of a coroutine, of what it awaits, and so on; the innermost last."""
    for _ in range(_MOST_AWAITS):
        prefix = next((word for kind, word in _SUSPENDED.items() if type(coroutine) is kind), None)
        if prefix is None:
            return
        yield getattr(coroutine, f"{prefix}_code"), getattr(coroutine, f"{prefix}_frame")
        coroutine = getattr(coroutine, f"{prefix}_{'yieldfrom' if prefix == 'gi' else 'await'}")


_SUSPENDED = {CoroutineType: "cr", GeneratorType: "gi", AsyncGeneratorType: "ag"}

# --- child processes ------------------------------------------------------------------------------


def _children() -> Labels:
    for thread in os.listdir("/proc/self/task"):
        for pid in _read(f"/proc/self/task/{thread}/children").split():
            yield pid, _describe_child(pid)


def _describe_child(pid: str) -> str:
    # its name stands in brackets, and may hold brackets itself
    name, _, rest = _read(f"/proc/{pid}/stat").partition("(")[2].rpartition(")")
    words = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    is_zombie = rest.split()[:1] == ["Z"]
    return f"{words or name} ({'ended, and never waited for' if is_zombie else 'still runs'})"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# --- uncollectable objects ------------------------------------------------------------------------


def _uncollectable() -> Labels:
    for one in gc.garbage:
        yield id(one), introspect.dotted_name(type(one))


_LABELS: dict[str, Callable[[], Labels]] = {
    "open files": _open_files,
    "threads": _threads,
    "child processes": _children,
    "asyncio tasks": _tasks,
    "uncollectable objects": _uncollectable,
}
"""By the words of `explanation.ResourceKind`."""
