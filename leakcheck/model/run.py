"""The run document: the results of one run, and where they were measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from leakcheck.model.answers import SkippedRequest
from leakcheck.model.document_text import Commit, Moment, Name, Release
from leakcheck.model.explanation import KnownEntry
from leakcheck.model.result import Result

SCHEMA = "leakcheck.run/2"
"""The run document's schema. A field may be added under the same number; one that is taken away or changes its meaning
makes 3. Documents of version 1 are still read: `storage/run_version_1.py` says what they looked like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was measured. Figures of different environments do not compare."""

    python: Release
    implementation: Release
    executable: Name
    platform: Release
    allocator: Release
    libc: Release
    packages: Mapping[Name, Name]
    leakcheck: Release
    git_commit: Commit | None = None
    git_dirty: bool | None = None

    @property
    def key(self) -> str:
        """The name under which a baseline keeps its figures: `cpython-3.11-linux-x86_64-pymalloc`."""
        version = ".".join(self.python.split(".")[:2])
        return f"{self.implementation}-{version}-{self.platform}-{self.allocator}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The part of all scenarios that this run measured."""

    number: int
    """From 1 to `count`."""
    count: int
    whole: tuple[Name, ...]
    """The ids of all scenarios of all shards, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run document: what every reporter reads, and what later runs are compared with."""

    schema: Name
    started: Moment
    """Local time with its offset, ISO 8601."""
    command: tuple[str, ...]
    environment: Environment | None
    results: tuple[Result, ...] = ()
    baseline: Name | None = None
    """The baseline that it was compared with; None if only budgets applied."""
    missing_scenarios: tuple[Name, ...] = ()
    """Ids of scenarios that are in the baseline and no longer in the targets."""
    shard: Shard | None = None
    """None if the run was not sharded."""
    skipped_requests: tuple[SkippedRequest, ...] = ()
    """Requests that `leakcheck django --all` found and did not replay."""
    known_leaks_not_found: tuple[KnownEntry, ...] = ()
    """Entries of the list of known leaks that matched no leak of this run."""
    finished: bool = False
    """False if the run was interrupted or crashed."""
    duration_seconds: float = 0.0
