"""Import memray: the interpreter's own, or the one installed beside leakcheck, and nothing else from there.

The runner's site-packages never go onto the search path, and modules that memray itself imports are substituted while
it loads. Otherwise the user's code would find packages that it does not have elsewhere, and take other branches through
its optional imports.
"""

import importlib
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

MEMRAY = "memray"


class _MemrayFinder:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # submodules are found through their package's own path
        return PathFinder.find_spec(name, [self._folder], target) if name == MEMRAY else None


def load_memray(lent_packages: str | None) -> Any:
    """Return the memray module: this interpreter's own, else the one in `FOLDER#ABI` if the ABI matches.

    Raise ImportError if neither is available.
    """
    folder, _, abi = (lent_packages or "").rpartition("#")
    with _substitute_modules():
        if not folder or abi != sysconfig.get_config_var("SOABI") or importlib.util.find_spec(MEMRAY) is not None:
            return _import_memray()
        finder = _MemrayFinder(folder)
        sys.meta_path.append(finder)
        try:
            return _import_memray()
        finally:
            sys.meta_path.remove(finder)


def _import_memray() -> Any:
    import memray

    # Tracker imports this when it is created, which would be too late for the fallback
    import memray.reporters.module_tools

    return memray


def track_all(memray: Any, path: str, *, native: bool = False) -> Any:
    """Return a Tracker that traces Python's allocators too: without them it sees only pymalloc's arenas of 1 MiB."""
    aggregated = memray.FileFormat.AGGREGATED_ALLOCATIONS
    return memray.Tracker(path, native_traces=native, trace_python_allocators=True, file_format=aggregated)


class _ImportedOnUse:
    """A class of another module, which is imported when the class is used: by code that uses memray itself."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(self._module), self._name)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(importlib.import_module(self._module), self._name), name)


@contextmanager
def _substitute_modules() -> Iterator[None]:
    """Provide substitutes for modules that memray imports, unless they are imported already.

    From rich it needs `print`, for a warning that greenlets are experimental, and progress bars that are never shown:
    to import it takes longer than a peak pass, and the code would find it imported in no other pass. From
    typing_extensions it needs a class that the standard library has too.
    """
    substitutes: dict[str, dict[str, object]] = {
        "rich": {"print": lambda *_, **__: None},
        "rich.progress": {name: _ImportedOnUse("rich.progress", name) for name in ("Progress", "SpinnerColumn")},
        "typing_extensions": {"TypedDict": typing.TypedDict},
    }
    substituted = [name for name in substitutes if name not in sys.modules]
    for name in substituted:
        module = ModuleType(name)
        vars(module).update(substitutes[name])
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in substituted:
            del sys.modules[name]
