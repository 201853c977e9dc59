"""Hand-built records: what the history's index gives."""

from leakcheck.model.history import HistoryEntry
from leakcheck.model.tolerance import Figure
from leakcheck.model.verdict import Gate, Verdict


def record(
    number: int,
    *,
    growth: float | None = 0.0,
    doubt: float = 100.0,
    peak: int | None = 1000_000,
    verdict: Verdict | None = None,
    commit: str | None = None,
    environment: str = "cpython-3.11-linux-x86_64-pymalloc",
    dirty: bool = False,
    scenario: str = "newsletter[naive]",
) -> HistoryEntry:
    """Return the record of run number so-and-so; a growth above nothing is a leak unless it is said."""
    leaks = bool(growth)
    return HistoryEntry(
        document=f"/runs/2026-11-24T10-00-{number:02}/run.json",
        started=f"2026-11-24T10:00:{number:02}+00:00",
        started_seconds=1_795_514_400.0 + number,
        environment=environment,
        git_commit=f"{number:x}" * 40 if commit is None else commit or None,
        git_dirty=dirty,
        scenario=scenario,
        options="rows=200",
        verdict=verdict or (Verdict.LEAK if leaks else Verdict.CLEAN),
        gate=Gate.OVER if leaks else Gate.WITHIN,
        meter=None if growth is None else "heap",
        growth=None if growth is None else Figure(value=growth, low=growth - doubt, high=growth + doubt),
        peak_bytes=peak,
        p50_seconds=0.012,
    )
