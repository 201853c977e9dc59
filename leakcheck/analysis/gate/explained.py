"""What an explanation changes in a result: a limit gets its name, and a known leak no longer fails."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from leakcheck.analysis.gate.known_leaks import known_share, main_fingerprint
from leakcheck.model.answers import BoundedContainer
from leakcheck.model.explanation import Explain, Explanation, GrowingContainer, KnownEntry
from leakcheck.model.result import Meter, Result
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Gate, Verdict

_LEAST_SHARE = 0.5
"""Of the growth: a container that holds less is not named as the one that filled up."""


def needs_explanation(result: Result, explain: Explain) -> bool:
    """Return whether the growth of a result is to be explained."""
    growth = result.growth
    if growth is None or result.failure is not None or explain is Explain.NEVER:
        return False
    if growth.meter is Meter.CHILDREN:
        return False  # the explaining passes look only into the process that replays
    if result.verdict is Verdict.BOUNDED:
        return True
    if growth.bytes_per_1000_calls <= 0 or result.verdict is Verdict.CLEAN:
        return False  # nothing grows
    return explain is Explain.ALWAYS or result.verdict is Verdict.LEAK or "growth" in result.over_budget


def with_explanation(result: Result, explanation: Explanation, entries: Sequence[KnownEntry], today: date) -> Result:
    """Return the result with its explanation, the container it is bounded by, and its known leaks."""
    if result.settled_after_calls is not None:
        explanation = _without_growing(explanation)
    result = replace(result, explanation=explanation, fingerprint=main_fingerprint(explanation))
    if result.verdict is Verdict.BOUNDED and result.bounded_by is None:
        result = replace(result, bounded_by=_filled_container(explanation.containers))
    return with_known(result, entries, today)


def with_known(result: Result, entries: Sequence[KnownEntry], today: date) -> Result:
    """Return the result with its known leaks; growth does not fail if the rest of it is allowed.

    The rest is allowed if it is within the budget, and not worse than the baseline.
    """
    share = known_share(result.explanation, entries, result.id, today)
    result = replace(result, known_leaks=share.known)
    not_worse = [
        change.most for change in result.baseline_changes if change.metric == "growth" and change.most is not None
    ]
    allowed = min([result.budget.growth_bytes_per_1000_calls, *not_worse])
    if "growth" in result.over_budget and share.is_forgiven(allowed):
        failures = tuple(name for name in result.over_budget if name != "growth")
        gate = Gate.WITHIN if result.gate is Gate.OVER and not failures else result.gate
        result = replace(result, over_budget=failures, gate=gate)
    return result


def _without_growing(explanation: Explanation) -> Explanation:
    """Return an explanation of memory that has settled: without the containers that seemed to grow without bound."""
    bounded = [container for container in explanation.containers if container.stopped or container.limit is not None]
    fingerprints = {container.fingerprint for container in bounded}
    paths = tuple(path for path in explanation.retention_paths if path.fingerprint in fingerprints)
    return replace(explanation, containers=tuple(bounded), retention_paths=paths)


def _filled_container(containers: Sequence[GrowingContainer]) -> BoundedContainer | None:
    """Return the heaviest container that filled up; None if no container accounts for enough of the growth."""
    for container in containers:
        size, rate = container.bytes_per_1000_calls, container.length_per_call
        if rate <= 0 or (container.share is not None and container.share < _LEAST_SHARE):
            continue
        return BoundedContainer(
            name=container.name,
            kind=container.kind,
            limit=container.length if container.limit is None else container.limit,
            length=container.length,
            length_per_call=0.0,
            bytes_per_entry=0.0 if size is None else size / CALLS_PER_RATE / rate,
        )
    return None
