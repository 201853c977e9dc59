"""RSS before and after: what most people do first."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers.words import Answered, Peer, Said, Verdict

WARMUP_CALLS, CALLS = 100, 1000
LIMIT_BYTES = 256 * 1024
"""Of the limits from 0 to 2 MB that were tried, the one that is right most often on the gallery and the corpus."""


def measure(factor: int) -> None:
    """Leave RSS before and after the calls."""
    import psutil

    from peers.bodies import body, leave

    call = body()
    process = psutil.Process()
    for _ in range(WARMUP_CALLS):
        call()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(CALLS * factor):
        call()
    gc.collect()
    leave({"grew_bytes": process.memory_info().rss - before})


def decide(grew_bytes: int) -> Verdict:
    """Return leak when it grew by more than the limit."""
    return Verdict.LEAK if grew_bytes > LIMIT_BYTES else Verdict.CLEAN


def read(ran: Answered, facts: Mapping[str, Any], factor: int) -> Said:
    """Return what a person would say who looks at the two figures."""
    if "grew_bytes" not in facts:
        return Said(verdict=Verdict.NONE, detail=ran.last_words)
    grew = facts["grew_bytes"]
    return Said(
        verdict=decide(grew),
        calls=facts["calls"],
        bytes_per_call=grew / (CALLS * factor),
        detail=f"RSS {grew:+,} B",
        facts={"grew_bytes": grew},
    )


def arguments(folder: Path, factor: int) -> list[str]:
    """Return the factor alone."""
    return [str(factor)]


PEER = Peer(
    name="RSS before/after",
    packages=("psutil",),
    settings=f"psutil's `memory_info().rss` after {WARMUP_CALLS} calls and after {CALLS:,} more, `gc.collect()` before "
    "each reading",
    rule=f"leak when it grew by more than {LIMIT_BYTES:,} bytes",
    source="https://psutil.readthedocs.io/en/latest/#psutil.Process.memory_info",
    module="peers.with_rss",
    arguments=arguments,
    read=read,
)

if __name__ == "__main__":
    import sys

    measure(int(sys.argv[1]))
