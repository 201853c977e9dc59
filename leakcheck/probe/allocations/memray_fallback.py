"""Lend memray to an interpreter that has none: the engine's own, and nothing else of the engine's.

The engine's folder never comes onto the search path, and what memray itself imports is stood in for
while it is loaded. The user's code would else find packages that it does without everywhere else,
and take other roads through its optional imports.
"""

import importlib.util
import sys
import sysconfig
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

LENT = "memray"


class _MemrayFinder:
    """A finder for memray alone, in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # submodules are found by their package's own path
        return PathFinder.find_spec(name, [self._folder], target) if name == LENT else None


def borrow_memray(lent_packages: str | None) -> Any:
    """Return memray: this interpreter's own, else the one in `FOLDER#ABI` where this is the ABI.

    Raises ImportError where neither is to be had.
    """
    folder, _, abi = (lent_packages or "").rpartition("#")
    if not folder or abi != sysconfig.get_config_var("SOABI") or importlib.util.find_spec(LENT) is not None:
        return _import_memray()
    lender = _MemrayFinder(folder)
    sys.meta_path.append(lender)
    try:
        with _stand_ins():
            return _import_memray()
    finally:
        sys.meta_path.remove(lender)


def _import_memray() -> Any:
    import memray

    # a Tracker imports this when it is made, which is too late for what is lent
    import memray.reporters.module_tools

    return memray


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Stand in for what memray imports of others, where it is missing.

    Of rich it takes `print`, for a warning that greenlets are experimental, and progress bars that
    are not asked for; of typing_extensions a base class that the standard library has too.
    """
    found: dict[str, dict[str, object]] = {
        "rich": {"print": lambda *_, **__: None},
        "rich.progress": {"Progress": None, "SpinnerColumn": None},
        "typing_extensions": {"TypedDict": typing.TypedDict},
    }
    missing = [name for name in found if importlib.util.find_spec(name.partition(".")[0]) is None]
    for name in missing:
        module = ModuleType(name)
        vars(module).update(found[name])
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
