"""Keep what tests patch from reaching us: our modules hold on to what they found when they were loaded.

A test that replaces `os.getpid`, `json.dumps`, `socket.socket` or `open` means the code that it tests. Tools that
stop clocks or stand in for files go further, and replace such names in every module that is loaded. What
replays the test runs in the same process, in between, and must neither fail by it nor measure with it.
"""

import _socket
import builtins
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from stat import S_ISDIR
from types import BuiltinFunctionType, ModuleType, SimpleNamespace
from typing import Any

_OURS = ("leakcheck.pytest_plugin", "leakcheck.probe", "leakcheck.worker")
_LIVE = frozenset({"sys", "warnings", "logging"})
"""Modules whose present state is what we ask for, or set."""

_OF_THE_SYSTEM = frozenset({"time", "gc", "sys", os.name})
"""The modules of functions that are imported by name."""

_IS_DONE = "__is_held__"


def _copy(module: ModuleType, **others: object) -> Any:
    # no module: whoever looks for modules to replace finds none
    return SimpleNamespace(**{**vars(module), **others})


def _mode(path: str, look: Callable[[str], os.stat_result] = os.stat) -> int:
    try:
        return look(path).st_mode
    except (OSError, ValueError):
        return 0


# those of os.path ask for `os.stat` each time
_path = _copy(os.path, exists=lambda path: _mode(path) != 0, isdir=lambda path: S_ISDIR(_mode(path)))

_copies: dict[str, Any] = {
    # the class in C: methods of the one in Python can be replaced
    "socket": _copy(socket, socket=_socket.socket),
    # the others as they are before any conftest is loaded
    "os": _copy(os, path=_path),
    **{one.__name__: _copy(one) for one in (gc, json, signal, subprocess, tempfile, threading, time)},
}
_BUILTINS = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}


def keep_originals() -> None:
    """Have our modules that are loaded go on with what they have now, whatever is patched later.

    Imports within functions are not covered: `__import__` may be replaced too.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS) and isinstance(module, ModuleType):
            _keep_originals_in(vars(module))


def _keep_originals_in(names: dict[str, Any]) -> None:
    if _IS_DONE in names:
        return
    for name, value in list(names.items()):
        if isinstance(value, ModuleType) and _is_to_be_copied(value):
            names[name] = _copies.setdefault(value.__name__, _copy(value))
        elif isinstance(value, BuiltinFunctionType) and value.__module__ in _OF_THE_SYSTEM:
            names[name] = partial(value)  # whoever looks for the function itself does not find it
    # a module's own names are looked up before the builtins
    for name, value in _BUILTINS.items():
        names.setdefault(name, value)
    names[_IS_DONE] = True


def _is_to_be_copied(module: ModuleType) -> bool:
    return module.__name__ in sys.stdlib_module_names and module.__name__ not in _LIVE
