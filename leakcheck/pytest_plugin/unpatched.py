"""Protect leakcheck's own modules from what tests patch: they keep the originals from when they were loaded.

A test that replaces `os.getpid`, `json.dumps`, `socket.socket` or `open` does so for the code under test. Tools that
freeze time or fake files go further, and replace such names in every loaded module. The code that replays the test runs
in the same process, and must neither fail because of a patch nor measure with it.
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

_OURS = ("leakcheck.pytest_plugin", "leakcheck.probe", "leakcheck.worker", "leakcheck.runner")
_COPIED = sys.stdlib_module_names - {"sys", "warnings", "logging"}
"""The modules that are copied: not those whose present state we read or set."""

_BUILTIN_MODULES = frozenset({"time", "gc", "sys", os.name})
"""The modules of built-in functions that are imported by name."""

_IS_DONE = "__has_originals__"


def _copy(module: ModuleType, **others: object) -> Any:
    # not a module, so that tools that replace modules do not find it
    return SimpleNamespace(**{**vars(module), **others})


def _mode(path: str, stat: Callable[[str], os.stat_result] = os.stat) -> int:
    try:
        return stat(path).st_mode
    except (OSError, ValueError):
        return 0


# the functions of os.path look up `os.stat` at each call
_path = _copy(os.path, exists=lambda path: _mode(path) != 0, isdir=lambda path: S_ISDIR(_mode(path)))

_copies: dict[str, Any] = {
    # the class implemented in C: methods of the Python class can be patched
    "socket": _copy(socket, socket=_socket.socket),
    # the others as they are before any conftest is loaded
    "os": _copy(os, path=_path),
    **{module.__name__: _copy(module) for module in (gc, json, signal, subprocess, tempfile, threading, time)},
}
_BUILTINS = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}


def keep_originals() -> None:
    """Let our loaded modules go on using the standard library as it is now, whatever is patched later.

    Imports inside functions are not covered: `__import__` may be patched too.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS) and isinstance(module, ModuleType):
            _keep_originals_in(vars(module))


def _keep_originals_in(names: dict[str, Any]) -> None:
    if _IS_DONE in names:
        return
    for name, value in list(names.items()):
        if isinstance(value, ModuleType) and value.__name__ in _COPIED:
            names[name] = _copies.setdefault(value.__name__, _copy(value))
        elif isinstance(value, BuiltinFunctionType) and value.__module__ in _BUILTIN_MODULES:
            names[name] = partial(value)  # tools that search modules for the function do not find it
    # a module's own names are looked up before the builtins
    for name, value in _BUILTINS.items():
        names.setdefault(name, value)
    names[_IS_DONE] = True
