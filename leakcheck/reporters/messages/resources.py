"""What grows besides the memory of the process: open files, threads and the like, and the child processes."""

from collections.abc import Iterator

from leakcheck.model.child_processes import Children, count_of_children
from leakcheck.model.explanation import NamedCount, Resource
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Meter, Result
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate, Verdict

_MOST_NAMED = 3


def resource_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence for each kind of resource that grows with the calls."""
    for resource in result.resources:
        rate = _number(resource.per_1000_calls)
        count = f" to {resource.count:,}" if resource.count else ""
        yield (
            f"{resource.kind} rise by {rate} per 1000 calls{count}{_names(resource.named)}; {_budget_clause(resource)}."
        )


def _budget_clause(resource: Resource) -> str:
    budget = _number(resource.budget_per_1000_calls)
    if resource.gate is Gate.INCONCLUSIVE:
        low, high = _distinct_numbers(resource.low, resource.high)
        return f"the rate is between {low} and {high}, which includes the budget of {budget}"
    return f"the budget is {budget}" if resource.gate is Gate.OVER else f"this is within the budget of {budget}"


def _names(counts: tuple[NamedCount, ...]) -> str:
    names = ", ".join(f"{escape_control(count.what)} ×{count.count:,}" for count in counts[:_MOST_NAMED])
    more = f", and {len(counts) - _MOST_NAMED} more" if len(counts) > _MOST_NAMED else ""
    return f" ({names}{more})" if names else ""


def _number(value: float) -> str:
    """Return a count per 1000 calls, with a decimal only below 10."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.1f}"


def _distinct_numbers(low: float, high: float) -> tuple[str, str]:
    """Return two counts with as many decimals as it takes to tell them apart, three at most."""
    numbers = (_number(low), _number(high))
    for digits in (1, 2, 3):
        if numbers[0] != numbers[1]:
            break
        numbers = (f"{low:,.{digits}f}", f"{high:,.{digits}f}")
    return numbers


def children_sentences(result: Result) -> Iterator[str]:
    """Yield what grows in child processes, or could not be measured there."""
    children = result.child_processes
    if children is None or result.failure is not None:
        return
    if children.unmeasured:
        yield (
            f"{_outliving(children)} the calls, and the memory of {children.unmeasured:,} of them cannot be read here, "
            "so there is no verdict."
        )
    elif children.verdict is Verdict.INCONCLUSIVE:
        yield (
            f"{_outliving(children)} the calls, and the memory there is neither stable nor growing steadily, "
            "so there is no verdict; raise --time."
        )
    elif children.verdict is Verdict.LEAK and not _growth_is_in_children(result):
        rate = format_size(children.bytes_per_1000_calls)
        yield f"the memory of {count_of_children(children.processes)} grows by {rate} per 1000 calls, too."


def stable_children_sentences(result: Result) -> Iterator[str]:
    """Yield that the child processes were measured and are clean: the result's verdict covers them too."""
    children = result.child_processes
    if children is not None and children.verdict is Verdict.CLEAN and result.verdict is not Verdict.LEAK:
        size = f" ({format_size(children.held_bytes[-1])})" if children.held_bytes else ""
        most = format_size(max(children.high, 0.0))
        yield (
            f"{_outliving(children)} the calls; the memory there{size} is stable, as far as pages show: "
            f"it grows by at most {most} per 1000 calls."
        )


def children_are_inconclusive(result: Result) -> bool:
    """Return whether the verdict on the child processes is inconclusive."""
    return result.child_processes is not None and result.child_processes.verdict is Verdict.INCONCLUSIVE


def children_clause(result: Result) -> str:
    """Return the sentence to append to a growth that is in child processes; "" for any other."""
    if result.child_processes is None or not _growth_is_in_children(result):
        return ""
    return (
        f" The growth is not in the scenario's own process: {_outliving(result.child_processes)} the calls. "
        "It was not explained there; replay what runs there in a scenario of its own."
    )


def _growth_is_in_children(result: Result) -> bool:
    return result.growth is not None and result.growth.meter is Meter.CHILDREN


def _outliving(children: Children) -> str:
    return f"{count_of_children(children.processes)} {'outlives' if children.processes == 1 else 'outlive'}"
