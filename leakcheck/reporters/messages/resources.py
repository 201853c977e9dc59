"""Resources that grow with the calls (open files, threads), in sentences: how fast, the budget, and examples."""

from collections.abc import Iterator

from leakcheck.model.explanation import NamedCount, Resource
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate

_MOST_NAMED = 3


def resource_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence for each kind of resource that grows with the calls."""
    for resource in result.resources:
        names = f" ({_names(resource.named)})" if resource.named else ""
        rate = _number(resource.per_1000_calls)
        name = escape_control(result.id)
        yield f"{name}: {resource.kind} rise by {rate} per 1000 calls; {_budget_clause(resource)}.{names}"


def _budget_clause(resource: Resource) -> str:
    budget = _number(resource.budget_per_1000_calls)
    if resource.gate is Gate.INCONCLUSIVE:
        low, high = _distinct_numbers(resource.low, resource.high)
        return f"the truth lies between {low} and {high}, and the budget of {budget} in between"
    return f"the budget is {budget}{'' if resource.gate is Gate.OVER else ', which is kept'}"


def _names(counts: tuple[NamedCount, ...]) -> str:
    names = ", ".join(f"{escape_control(count.what)} ×{count.count:,}" for count in counts[:_MOST_NAMED])
    more = len(counts) - _MOST_NAMED
    return f"{names}, and {more} more" if more > 0 else names


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
