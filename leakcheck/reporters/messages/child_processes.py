"""What is to be said of the child processes that live on from call to call."""

from collections.abc import Iterator

from leakcheck.model.child_processes import Children, count_of_children
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Meter, Result
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Verdict


def children_sentences(result: Result) -> Iterator[str]:
    """Yield what is not fine about them, or is not known."""
    children, name = result.children, plain(result.id)
    if children is None:
        return
    if children.unmeasured:
        yield (
            f"{name}: {_living(children)} on from call to call, and the memory of {children.unmeasured:,} of them "
            "cannot be read here, so nothing is claimed."
        )
    elif children.verdict is Verdict.INCONCLUSIVE:
        yield (
            f"{name}: {_living(children)} on from call to call, and the memory there neither stands still nor grows "
            "steadily, so nothing is claimed; raise --time."
        )
    elif children.verdict is Verdict.LEAK and not _is_theirs(result):
        rate = format_size(children.bytes_per_1000_calls)
        yield f"{name}: the memory of {count_of_children(children.processes)} grows by {rate} per 1000 calls, too."


def children_notes(result: Result) -> Iterator[str]:
    """Yield that they were measured, where they are fine: a clean verdict is theirs, too."""
    children = result.children
    if children is not None and children.verdict is Verdict.CLEAN and result.verdict is not Verdict.LEAK:
        held = f" ({format_size(children.held_bytes[-1])})" if children.held_bytes else ""
        most = format_size(max(children.high, 0.0))
        yield (
            f"{plain(result.id)}: {_living(children)} on from call to call; the memory there{held} stands still, as "
            f"far as pages tell: it grows by {most} per 1000 calls at most."
        )


def children_are_inconclusive(result: Result) -> bool:
    """Tell whether it is the children of which nothing can be claimed."""
    return result.children is not None and result.children.verdict is Verdict.INCONCLUSIVE


def children_clause(result: Result) -> str:
    """Return what is said behind a growth that is the children's."""
    if result.children is None or not _is_theirs(result):
        return ""
    return (
        f" It is not the scenario's own process that keeps it: {_living(result.children)} on from call to call. What "
        "keeps it there was not looked for: replay what runs there in a scenario of its own."
    )


def _is_theirs(result: Result) -> bool:
    return result.growth is not None and result.growth.meter is Meter.CHILDREN


def _living(children: Children) -> str:
    return f"{count_of_children(children.processes)} {'lives' if children.processes == 1 else 'live'}"
