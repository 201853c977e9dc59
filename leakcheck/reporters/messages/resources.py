"""What rises beside memory, in plain sentences: how fast, what is allowed, and what it is."""

from collections.abc import Iterator

from leakcheck.model.explanation import NamedCount, Resource
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate

_MOST_NAMED = 3


def resource_sentences(result: Result) -> Iterator[str]:
    """Yield one sentence for each kind of thing that rises with the calls; none where all stand still."""
    for resource in result.resources:
        named = f" ({_named(resource.named)})" if resource.named else ""
        yield f"{plain(result.id)}: {_rise(resource)}; {_allowance(resource)}.{named}"


def _rise(resource: Resource) -> str:
    return f"{resource.kind} rise by {_number(resource.per_1000_calls)} per 1000 calls"


def _allowance(resource: Resource) -> str:
    if resource.gate is Gate.INCONCLUSIVE:
        low, high = _apart(resource.low, resource.high)
        return (
            f"the truth lies between {low} and {high}, and the budget of {_number(resource.budget_per_1000_calls)} "
            "in between"
        )
    over = "" if resource.gate is Gate.OVER else ", which is kept"
    return f"the budget is {_number(resource.budget_per_1000_calls)}{over}"


def _named(named: tuple[NamedCount, ...]) -> str:
    shown = ", ".join(f"{plain(one.what)} ×{one.count:,}" for one in named[:_MOST_NAMED])
    more = len(named) - _MOST_NAMED
    return f"{shown}, and {more} more" if more > 0 else shown


def _number(value: float) -> str:
    """Return a count per 1000 calls, with digits behind the point only where it is small."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.1f}"


def _apart(low: float, high: float) -> tuple[str, str]:
    """Return two counts with as many digits as it takes to tell them apart, three behind the point at most."""
    told = (_number(low), _number(high))
    for digits in (1, 2, 3):
        if told[0] != told[1]:
            break
        told = (f"{low:,.{digits}f}", f"{high:,.{digits}f}")
    return told
