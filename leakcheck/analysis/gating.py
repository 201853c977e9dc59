"""From figures to a gate: what budgets, resources and troubles say of a result together."""

from collections.abc import Mapping
from dataclasses import replace

from leakcheck.analysis.resources import gate_resources
from leakcheck.analysis.verdict import gates, together
from leakcheck.model import Gate, Result, Verdict


def held_to_budgets(result: Result) -> dict[str, Gate]:
    """Return what each budget says of a result, by its name; nothing of a peak that was left out on purpose."""
    left_out = result.peak_bytes is None and result.peak_trouble is None
    budget = replace(result.budget, peak_bytes=None) if left_out else result.budget
    # what filled before it stood still got its name from the explanation, and is no limit that ends a growth
    is_filling = result.bounded_by is not None and result.settled_after_calls is None
    has_limit = is_filling and result.verdict is not Verdict.INCONCLUSIVE
    return gates(result.verdict, result.growth, result.peak_bytes, budget, has_limit=has_limit)


def gated(result: Result, said: Mapping[str, Gate]) -> Result:
    """Return the result with the gate that its metrics make, with its resources and whatever went wrong.

    A peak pass that failed is an error where a peak is held to something, and memory is not over anyway.
    """
    gate, failures = together(said)
    died = result.peak_trouble is not None and result.peak_trouble.kind != "missing" and "peak" in said
    if result.trouble is not None or (died and gate is not Gate.OVER):
        gate = Gate.ERROR
    gate, failures = gate_resources(gate, failures, result.resources)
    return replace(result, gate=gate, failures=failures)
