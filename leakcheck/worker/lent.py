"""Lend memray to an interpreter that has none: the engine's own, and to nobody else there.

The engine's folder never comes onto the search path, and what memray itself needs is out of sight
again before the user's code is loaded. It would else find packages that it does without everywhere
else, and take other roads through its optional imports.
"""

import importlib.util
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

LENT_NAMES = frozenset({"memray", "rich", "typing_extensions"})
"""What tracking and reading a capture need. (memray's reporters need more; nobody calls them here.)"""


class _Lender:
    """A finder for a few names in one folder. It stands last: what the measured Python has itself is taken first."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # submodules are found by their package's own path
        return PathFinder.find_spec(name, [self._folder], target) if name in LENT_NAMES else None


def borrow_memray(lent_packages: str | None) -> Any:
    """Return memray: this interpreter's own, else the one in `FOLDER#ABI` where this is the ABI.

    Raises ImportError where neither is to be had.
    """
    folder, _, abi = (lent_packages or "").rpartition("#")
    if importlib.util.find_spec("memray") is not None or not folder or abi != sysconfig.get_config_var("SOABI"):
        return _import_memray()
    before = set(sys.modules)
    lender = _Lender(folder)
    sys.meta_path.append(lender)
    try:
        return _import_memray()
    finally:
        sys.meta_path.remove(lender)
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in LENT_NAMES - {"memray"}:
                del sys.modules[name]  # memray keeps what it imported; a second import is the user's business


def _import_memray() -> Any:
    import memray

    # a Tracker imports this when it is made, which is too late to be lent
    import memray.reporters.module_tools

    return memray
