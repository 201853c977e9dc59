"""Count and name the threads; where there is a /proc, including those unknown to Python."""

import sys
import threading
from types import FunctionType, MethodType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.meters.counted import Labels, Read
from leakcheck.probe.meters.resource_labels import location, read_text, user_frame
from leakcheck.probe.originals import BUILTINS, is_there, os

__builtins__ = BUILTINS

MAIN_ALONE = 1


def reader() -> Read:
    """Return a reader of the number of threads."""
    if not is_there("/proc/self/task"):
        return threading.active_count
    return lambda: os.stat("/proc/self/task").st_nlink - 2


def labels() -> Labels:
    """Yield each thread but the main one, by its name, its function and where it stands."""
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
            parts.append(f"stands at {location(user_frame(frames[identity]))}")
        yield identity, ", ".join(parts)
    for number in sorted(os.listdir("/proc/self/task")):
        if number not in native_ids and number != str(os.getpid()):
            yield number, f"native thread {read_text(f'/proc/self/task/{number}/comm').strip()}"


def _function_name(function: Any) -> str:
    if type(function) is MethodType:
        function = function.__func__
    if type(function) is FunctionType:
        return introspect.name_of_function(function)
    return f"a {introspect.dotted_name(type(function))}"
