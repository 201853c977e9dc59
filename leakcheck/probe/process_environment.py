"""The environment variables that the runner gives a measured process: its folder, and no thread caches of malloc's.

glibc keeps up to seven freed blocks of each small size per thread, and its counters (`mallinfo2`) count them as in use:
235 KB, which drawings by matplotlib took 4000 calls to fill. Until they are full, that is growth that ends, in a heap
in which nothing leaks. The tunable is described in glibc's manual under Memory Allocation Tunables.
"""

from collections.abc import Mapping

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_FOLDER = "LEAKCHECK_PROCESS"
_VARIABLE, _OFF, _NAME = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", "tcache"
_USERS_VALUE = "LEAKCHECK_GLIBC_TUNABLES"
"""Holds the user's own value while the process starts; empty if there was none."""


def own_folder() -> str | None:
    """Return the folder that the runner created for this process and removes; None, the system's, if there is none."""
    folder = os.environ.get(_FOLDER, "")
    return folder if os.path.isdir(folder) else None


def without_thread_caches(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process without the caches; unchanged if it sets them itself."""
    users_value = environment.get(_VARIABLE, "")
    if _NAME in users_value:
        return dict(environment)
    return {**environment, _USERS_VALUE: users_value, _VARIABLE: f"{users_value}:{_OFF}" if users_value else _OFF}


def restore_environment() -> None:
    """Undo `without_thread_caches`: glibc has read the variable, and the user's code gets its own environment."""
    users_value = os.environ.pop(_USERS_VALUE, None)
    if users_value:
        os.environ[_VARIABLE] = users_value
    elif users_value is not None:
        os.environ.pop(_VARIABLE, None)
