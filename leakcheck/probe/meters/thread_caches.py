"""malloc's caches of freed blocks, one for each thread: off in what is measured.

glibc keeps up to seven freed blocks of each small size for each thread, and its counters (`mallinfo2`) have them as in
use: 235 KB, which a drawing of matplotlib's took 4000 calls to fill. Until they are full, that is growth that ends, in
a heap in which nothing leaks. The tunable is described in glibc's manual under Memory Allocation Tunables.
"""

from collections.abc import Mapping

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_VARIABLE, _OFF, _NAME = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", "tcache"
_SAID = "LEAKCHECK_GLIBC_TUNABLES"
"""What the user had said, for as long as the process starts; empty for nothing."""


def without_thread_caches(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process in which the caches are off, unless it says something of them itself."""
    said = environment.get(_VARIABLE, "")
    if _NAME in said:
        return dict(environment)
    return {**environment, _SAID: said, _VARIABLE: f"{said}:{_OFF}" if said else _OFF}


def restore_environment() -> None:
    """Take back what `without_thread_caches` did: glibc has read it, and the user's code has its own environment."""
    said = os.environ.pop(_SAID, None)
    if said:
        os.environ[_VARIABLE] = said
    elif said is not None:
        os.environ.pop(_VARIABLE, None)
