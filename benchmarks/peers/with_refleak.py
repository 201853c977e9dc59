"""CPython's own rule for its test suite, `python -m test -R 3:3`, on any build.

The rule stands in `Lib/test/libregrtest/refleak.py`. It counts references as well, which takes a debug build;
blocks and file descriptors are counted here, in the same way and between the same clean-ups.
"""

import gc
import os
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from peers.words import Answered, Peer, Said, Verdict

WARMUPS, RUNS = 3, 3


def measure(factor: int) -> None:
    """Leave the differences of blocks and descriptors from run to run, warm-ups left out."""
    from peers.bodies import body, leave

    call = body()
    clear = _clear_caches()
    # arrays: a number that is kept as an object is a block more at each reading
    blocks, descriptors = array("q", [0] * (WARMUPS + RUNS + 1)), array("q", [0] * (WARMUPS + RUNS + 1))
    for run in range(WARMUPS + RUNS + 1):
        if run:
            for _ in range(factor):
                call()
        clear()
        for _ in range(3):
            gc.collect()
        blocks[run], descriptors[run] = sys.getallocatedblocks(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    leave({"blocks": _steps(blocks), "descriptors": _steps(descriptors)})


def _steps(values: Sequence[int]) -> list[int]:
    return [after - before for before, after in zip(values[WARMUPS:], values[WARMUPS + 1 :], strict=False)]


def _clear_caches() -> Callable[[], None]:
    """Return what empties the caches of the standard library: CPython's own, where its tests are installed."""
    try:
        from test.libregrtest.utils import clear_caches  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        import linecache
        import re

        def clear_caches() -> None:
            re.purge()
            linecache.clearcache()

    def clear() -> None:
        sys.path_importer_cache.clear()
        clear_caches()
        sys._clear_type_cache()

    return clear


def decide(blocks: Sequence[int], descriptors: Sequence[int]) -> Verdict:
    """Return leak when every run gained a block, or the number of descriptors changed at all."""
    return Verdict.LEAK if all(gained >= 1 for gained in blocks) or any(descriptors) else Verdict.CLEAN


def read(ran: Answered, facts: Mapping[str, Any], factor: int) -> Said:
    """Return what regrtest would say."""
    if "blocks" not in facts:
        return Said(verdict=Verdict.NONE, detail=ran.last_words)
    blocks, descriptors = facts["blocks"], facts["descriptors"]
    return Said(
        verdict=decide(blocks, descriptors),
        calls=facts["calls"],
        detail=f"blocks {blocks}, descriptors {descriptors}",
        facts={"blocks": blocks, "descriptors": descriptors},
    )


def arguments(folder: Path, factor: int) -> list[str]:
    """Return the factor alone."""
    return [str(factor)]


PEER = Peer(
    name="refleak rule",
    packages=(),
    settings=f"as `python -m test -R {WARMUPS}:{RUNS}`: {WARMUPS} calls to warm up, {RUNS} that count, caches "
    "cleared and garbage collected after each; `sys.getallocatedblocks()` and file descriptors, since references take "
    "a debug build",
    rule="leak when each of the runs gained at least one block, or the number of descriptors changed",
    source="https://github.com/python/cpython/blob/main/Lib/test/libregrtest/refleak.py",
    module="peers.with_refleak",
    arguments=arguments,
    read=read,
)

if __name__ == "__main__":
    measure(int(sys.argv[1]))
