"""Two snapshots of tracemalloc and their difference, as Python's documentation teaches it."""

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peers.words import Answered, Peer, Said, Verdict

WARMUP_CALLS, CALLS = 100, 1000
TOP = 10


def measure(factor: int) -> None:
    """Leave the top ten differences by line, and what all of them come to."""
    import linecache
    import tracemalloc

    from peers.bodies import body, leave

    tracemalloc.start()
    call = body()
    for _ in range(WARMUP_CALLS):
        call()
    gc.collect()
    first = tracemalloc.take_snapshot()
    for _ in range(CALLS * factor):
        call()
    gc.collect()
    second = tracemalloc.take_snapshot()
    tracemalloc.stop()
    filters = [
        tracemalloc.Filter(inclusive=False, filename_pattern=pattern)
        for pattern in ("<frozen importlib._bootstrap>", "<unknown>", tracemalloc.__file__)
    ]
    differences = second.filter_traces(filters).compare_to(first.filter_traces(filters), "lineno")
    top = [
        {
            "where": f"{difference.traceback[0].filename}:{difference.traceback[0].lineno}",
            "source": linecache.getline(difference.traceback[0].filename, difference.traceback[0].lineno).strip(),
            "bytes": difference.size_diff,
            "blocks": difference.count_diff,
        }
        for difference in differences[:TOP]
    ]
    leave({"top": top, "bytes": sum(difference.size_diff for difference in differences)})


def decide(top: Sequence[Mapping[str, Any]], calls: int) -> Verdict:
    """Return leak when the first line of the differences gained a block for every call.

    Of the rules that were tried (blocks or bytes a call, in the first line or in any of the ten), this one is right
    most often on the gallery and the corpus.
    """
    return Verdict.LEAK if top and top[0]["blocks"] >= calls else Verdict.CLEAN


def read(ran: Answered, facts: Mapping[str, Any], factor: int) -> Said:
    """Return what a person would say who looks at the top ten."""
    if "top" not in facts:
        return Said(verdict=Verdict.NONE, detail=ran.last_words)
    top, calls = facts["top"], CALLS * factor
    first: Mapping[str, Any] = top[0] if top else {"source": "", "where": "", "bytes": 0, "blocks": 0}
    return Said(
        verdict=decide(top, calls),
        calls=facts["calls"],
        bytes_per_call=facts["bytes"] / calls,
        shown=(first["source"],),
        detail=f"{Path(first['where']).name}: {first['bytes']:+,} B, {first['blocks']:+,} blocks",
        facts={"top": [{"bytes": line["bytes"], "blocks": line["blocks"]} for line in top]},
    )


def arguments(folder: Path, factor: int) -> list[str]:
    """Return the factor alone."""
    return [str(factor)]


PEER = Peer(
    name="tracemalloc",
    packages=(),
    settings=f"`tracemalloc.start()`, {WARMUP_CALLS} calls, a snapshot, {CALLS:,} calls, another, and "
    "`compare_to(…, 'lineno')` without importlib, unknown places and tracemalloc itself; `gc.collect()` before each "
    "snapshot, which the documentation does not ask for",
    rule="leak when the first line of the differences gained at least one block for each call",
    source="https://docs.python.org/3/library/tracemalloc.html#compute-differences",
    module="peers.with_tracemalloc",
    arguments=arguments,
    read=read,
)

if __name__ == "__main__":
    import sys

    measure(int(sys.argv[1]))
