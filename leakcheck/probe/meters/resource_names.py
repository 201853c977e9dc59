"""Name resources whose count rises: which files, whose threads, which tasks, what child processes.

This runs once, after the calls, and may allocate. No code of the user's is run: names are read through the types' own
descriptors.
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
    import resource  # not in the function: the user's tests may patch `__import__`
except ImportError:  # not on Windows
    resource = None
__builtins__ = BUILTINS

_MAX_NAMES = 10
_MAX_CHARACTERS = 200  # any value from 200 to 500 does: a line of text
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(threading.__file__))
_MAX_AWAITS = 100  # any value from 20 to 1000 does: an await of itself would not end

Labels = Iterator[tuple[object, str]]
"""A key that identifies the resource, and its name."""


def raise_open_files_limit(most: int = 65_536) -> None:
    """Raise the soft limit of open files, so that a leak is measured and does not end as an error on call 1000."""
    if resource is None:
        return
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        target = most if hard == resource.RLIM_INFINITY else min(hard, most)
        if soft != resource.RLIM_INFINITY and soft < target:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (ValueError, OSError):
        pass


def resource_keys() -> dict[str, frozenset[object]]:
    """Return the keys of all present resources, by kind, to tell later ones from these."""
    return {kind: frozenset(key for key, _ in _until_error(labels())) for kind, labels in _LABELS.items()}


def name_resources(
    kinds: Sequence[str], before: dict[str, frozenset[object]] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return the names of each kind's resources with their counts: `[{"what": "/tmp/a.log", "count": 200}]`.

    The most frequent come first, at most ten. Those in `before` are left out, unless there are no others.
    """
    result = {}
    for kind in kinds:
        resources = list(_until_error(_LABELS[kind]())) if kind in _LABELS else []
        known = (before or {}).get(kind, frozenset())
        new = [label for key, label in resources if key not in known] or [label for _, label in resources]
        counts = grouped(Counter(label[:_MAX_CHARACTERS] for label in new))
        result[kind] = [{"what": what, "count": count} for what, count in counts.most_common(_MAX_NAMES)]
    return result


def _until_error(labels: Labels) -> Labels:
    """Yield until an error: a resource may end or change while it is read."""
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
            parts.append(f"stands at {_location(_user_frame(frames[identity]))}")
        yield identity, ", ".join(parts)
    for number in sorted(os.listdir("/proc/self/task")):
        if number not in native_ids and number != str(os.getpid()):
            yield number, f"native thread {_read(f'/proc/self/task/{number}/comm').strip()}"


def _function_name(function: Any) -> str:
    if type(function) is MethodType:
        function = function.__func__
    if type(function) is FunctionType:
        return introspect.name_of_function(function)
    return f"a {introspect.dotted_name(type(function))}"


def _user_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame outside the standard library and leakcheck, else the innermost of all."""
    current: FrameType | None = frame
    while current is not None:
        if not current.f_code.co_filename.startswith((_STANDARD_LIBRARY, _OURS, "<")):
            return current
        current = current.f_back
    return frame


def _location(frame: FrameType) -> str:
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_qualname}"


def _short(path: str) -> str:
    """Return a path relative to the working directory or the standard library."""
    try:
        working_directory = os.getcwd() + os.sep
    except OSError:
        working_directory = ""  # the working directory was deleted
    return path.removeprefix(working_directory).removeprefix(_STANDARD_LIBRARY + os.sep)


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
    own_frames = [frame for frame in frames if not frame.f_code.co_filename.startswith(_STANDARD_LIBRARY)]
    name = chain[0][0].co_qualname
    return f"{name}, waits at {_location((own_frames or frames)[-1])}" if frames else f"{name}, not started"


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


_SUSPENDED = {CoroutineType: "cr", GeneratorType: "gi", AsyncGeneratorType: "ag"}

# --- child processes ------------------------------------------------------------------------------


def _children() -> Labels:
    for thread in os.listdir("/proc/self/task"):
        for pid in _read(f"/proc/self/task/{thread}/children").split():
            yield pid, _describe_child(pid)


def _describe_child(pid: str) -> str:
    # the name is in parentheses, and may contain some itself
    name, _, rest = _read(f"/proc/{pid}/stat").partition("(")[2].rpartition(")")
    command = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    is_zombie = rest.split()[:1] == ["Z"]
    return f"{command or name} ({'ended, and never waited for' if is_zombie else 'still runs'})"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# --- uncollectable objects ------------------------------------------------------------------------


def _uncollectable() -> Labels:
    for leftover in gc.garbage:
        yield id(leftover), introspect.dotted_name(type(leftover))


_LABELS: dict[str, Callable[[], Labels]] = {
    "open files": _open_files,
    "threads": _threads,
    "child processes": _children,
    "asyncio tasks": _tasks,
    "uncollectable objects": _uncollectable,
}
"""By the values of `explanation.ResourceKind`."""
