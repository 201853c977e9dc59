"""What the history keeps of one scenario in one run: a row of the index, made of a run document."""

from dataclasses import dataclass

from leakcheck.model.document_text import Commit, Moment, Name, Word
from leakcheck.model.verdict import Gate, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One scenario in one run. All of it can be read in the document again."""

    document: Name
    """The absolute path of the run document."""
    started: Moment
    """Local time with its offset, ISO 8601."""
    started_seconds: float
    """The same moment since 1970, by which runs are put in order."""
    environment: Name
    """What has to be alike for figures to be compared (`cpython-3.11-linux-x86_64-pymalloc`)."""
    git_commit: Commit | None
    git_dirty: bool | None
    scenario: Name
    """The id, with its variant."""
    options: str
    """The scenario's options for both passes (`rows=200, peak.rows=100000`): with others it is another series."""
    verdict: Verdict
    gate: Gate
    meter: Word | None
    growth_bytes_per_1000_calls: float | None
    growth_low: float | None
    growth_high: float | None
    peak_bytes: int | None
    p50_seconds: float | None

    @property
    def series(self) -> tuple[str, str, str]:
        """Records of one series can be compared."""
        return self.scenario, self.environment, self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A metric that left its level."""

    metric: Word
    """growth or peak."""
    before: HistoryEntry
    """The last run that was still at another level; what changed it lies between the two."""
    after: HistoryEntry
    before_bytes: float
    after_bytes: float
    """Per 1000 calls for a growth."""

    @property
    def rose(self) -> bool:
        """Whether it became worse."""
        return self.after_bytes > self.before_bytes
