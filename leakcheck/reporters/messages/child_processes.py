"""Child processes that outlive a call, in sentences."""

from collections.abc import Iterator

from leakcheck.model.child_processes import Children, count_of_children
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Meter, Result
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Verdict


def children_sentences(result: Result) -> Iterator[str]:
    """Yield what grows in child processes, or could not be measured there."""
    children, name = result.child_processes, escape_control(result.id)
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
    elif children.verdict is Verdict.LEAK and not _growth_is_in_children(result):
        rate = format_size(children.bytes_per_1000_calls)
        yield f"{name}: the memory of {count_of_children(children.processes)} grows by {rate} per 1000 calls, too."


def children_notes(result: Result) -> Iterator[str]:
    """Yield that the child processes were measured, where they are clean: the result's verdict covers them too."""
    children = result.child_processes
    if children is not None and children.verdict is Verdict.CLEAN and result.verdict is not Verdict.LEAK:
        size = f" ({format_size(children.held_bytes[-1])})" if children.held_bytes else ""
        most = format_size(max(children.high, 0.0))
        yield (
            f"{escape_control(result.id)}: {_living(children)} on from call to call; "
            f"the memory there{size} stands still, as "
            f"far as pages tell: it grows by {most} per 1000 calls at most."
        )


def children_are_inconclusive(result: Result) -> bool:
    """Return whether the verdict on the child processes is inconclusive."""
    return result.child_processes is not None and result.child_processes.verdict is Verdict.INCONCLUSIVE


def children_clause(result: Result) -> str:
    """Return the sentence to append to a growth that is in child processes; "" for any other."""
    if result.child_processes is None or not _growth_is_in_children(result):
        return ""
    return (
        f" It is not the scenario's own process that keeps it: {_living(result.child_processes)} on from call to call. "
        "What keeps it there was not looked for: replay what runs there in a scenario of its own."
    )


def _growth_is_in_children(result: Result) -> bool:
    return result.growth is not None and result.growth.meter is Meter.CHILDREN


def _living(children: Children) -> str:
    return f"{count_of_children(children.processes)} {'lives' if children.processes == 1 else 'live'}"
