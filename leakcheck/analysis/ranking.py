"""What to look at first: what could not be measured, what grows most, what peaks most."""

from collections.abc import Sequence

from leakcheck.model import Result, Verdict

_GROWS = (Verdict.LEAK, Verdict.INCONCLUSIVE, Verdict.BOUNDED, Verdict.CLEAN)


def ranked(results: Sequence[Result]) -> tuple[Result, ...]:
    """Return the results with what failed first, then by verdict and growth, then by peak; the rest in their order."""
    return tuple(sorted(results, key=_rank))


def _rank(result: Result) -> tuple[bool, int, float, float]:
    growth = result.growth
    # below its own doubt a growth is none, and must not decide between two that stand still
    rate = 0.0 if growth is None or growth.low <= 0 else growth.bytes_per_1000_calls
    return growth is not None, _GROWS.index(result.verdict), -rate, -(result.peak_bytes or 0)
