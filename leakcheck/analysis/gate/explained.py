"""What an explanation changes: a limit gets its name, and a known leak no longer fails."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from leakcheck.analysis.gate.known_leaks import account, main_fingerprint
from leakcheck.model.answers import BoundedContainer
from leakcheck.model.explanation import Explain, Explanation, GrowingContainer, KnownEntry
from leakcheck.model.result import Meter, Result
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Gate, Verdict

_WHOLE = 0.5
"""Share of what grew that a container must hold, to be called what filled up."""


def is_to_be_explained(result: Result, explain: Explain) -> bool:
    """Tell whether a result has something to explain: growth that was measured to its end, or that is wanted."""
    growth = result.growth
    if growth is not None and growth.meter is Meter.CHILDREN:
        return False  # what is looked for is looked for in the process that replays
    if growth is None or result.trouble is not None or explain is Explain.NEVER:
        return False
    if result.verdict is Verdict.BOUNDED:
        return True
    if growth.bytes_per_1000_calls <= 0 or result.verdict is Verdict.CLEAN:
        return False  # of what stands still there is nothing to explain
    return explain is Explain.ALWAYS or result.verdict is Verdict.LEAK or "growth" in result.failures


def explained(result: Result, explanation: Explanation, entries: Sequence[KnownEntry], today: date) -> Result:
    """Return a result with its explanation, its limit's name, and its known leaks set apart."""
    if result.settled_after_calls is not None:
        explanation = _what_stands_still(explanation)
    result = replace(
        result,
        containers=explanation.containers,
        retention_paths=explanation.retention_paths,
        nothing_in_python=explanation.nothing_in_python,
        sites=explanation.sites,
        sites_meter=explanation.sites_meter,
        explained_fraction=explanation.explained_fraction,
        growth_stacks=explanation.growth_stacks,
        explain_notes=explanation.notes,
        fingerprint=main_fingerprint(explanation),
    )
    if result.verdict is Verdict.BOUNDED and result.bounded_by is None:
        result = replace(result, bounded_by=_what_filled(explanation.containers))
    return with_known(result, explanation, entries, today)


def with_known(result: Result, explanation: Explanation, entries: Sequence[KnownEntry], today: date) -> Result:
    """Return a result with its known leaks set apart: growth does not fail where all the rest is allowed.

    That is within the budget, and no more than all of it could be without being worse than the baseline.
    """
    accounted = account(explanation, entries, result.id, today)
    result = replace(result, known=accounted.known)
    if "growth" in result.failures and accounted.is_forgiven(_allowed_growth(result)):
        failures = tuple(name for name in result.failures if name != "growth")
        gate = Gate.WITHIN if result.gate is Gate.OVER and not failures else result.gate
        result = replace(result, failures=failures, gate=gate)
    return result


def _allowed_growth(result: Result) -> float:
    not_worse = [one.most for one in result.changes if one.metric == "growth" and one.most is not None]
    return min([result.budget.growth_bytes_per_1000_calls, *not_worse])


def _what_stands_still(explanation: Explanation) -> Explanation:
    """Return an explanation without what seemed to grow for ever: where memory stands still, nothing does."""
    ended = [one for one in explanation.containers if one.stopped or one.limit is not None]
    names = {one.fingerprint for one in ended}
    paths = tuple(path for path in explanation.retention_paths if path.fingerprint in names)
    return replace(explanation, containers=tuple(ended), retention_paths=paths)


def _what_filled(containers: Sequence[GrowingContainer]) -> BoundedContainer | None:
    """Return the container that filled, where one was seen to."""
    for container in containers:
        held, rate = container.bytes_per_1000_calls, container.length_per_call
        if rate <= 0 or (container.share is not None and container.share < _WHOLE):
            continue
        return BoundedContainer(
            name=container.name,
            kind=container.kind,
            limit=container.length if container.limit is None else container.limit,
            length=container.length,
            length_per_call=0.0,
            bytes_per_entry=0.0 if held is None else held / CALLS_PER_RATE / rate,
        )
    return None
