"""The history: one entry for each scenario of each run, and the regressions found in them."""

from dataclasses import dataclass

from leakcheck.model.document_text import Commit, Moment, Name, Word
from leakcheck.model.tolerance import Figure
from leakcheck.model.verdict import Gate, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One scenario in one run."""

    document: Name
    """The absolute path of the run document."""
    started: Moment
    """Local time with its offset, ISO 8601."""
    started_seconds: float
    """The same moment as seconds since 1970; runs are sorted by it."""
    environment: Name
    """The key of the environment (`cpython-3.11-linux-x86_64-pymalloc`): figures of two environments do not compare."""
    git_commit: Commit | None
    git_dirty: bool | None
    scenario: Name
    """The id, with its variant."""
    options: str
    """Options of both passes (`rows=200, peak.rows=100000`); other options make another series."""
    verdict: Verdict
    gate: Gate
    meter: Word | None
    growth: Figure | None
    """Bytes per 1000 calls with their bounds; None if it was not measured."""
    peak_bytes: int | None
    p50_seconds: float | None

    @property
    def series(self) -> tuple[str, str, str]:
        """What entries must share for their figures to be compared."""
        return self.scenario, self.environment, self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A metric that moved to another level, up or down."""

    metric: Word
    """growth or peak."""
    before: HistoryEntry
    """The last run at the old level; the cause lies between it and `after`."""
    after: HistoryEntry
    before_bytes: float
    after_bytes: float
    """Bytes per 1000 calls if the metric is growth; likewise `before_bytes`."""

    @property
    def rose(self) -> bool:
        """Whether the metric became worse."""
        return self.after_bytes > self.before_bytes
