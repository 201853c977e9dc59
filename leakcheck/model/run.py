"""The run document: the results of one run, and where they were measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from leakcheck.model.answers import SkippedRequest
from leakcheck.model.document_text import Commit, Moment, Name, Release
from leakcheck.model.explanation import KnownEntry
from leakcheck.model.result import Result

SCHEMA = "leakcheck.run/1"
"""The run document's schema. A field may be added under the same number; one that is taken away
or changes its meaning makes 2, and this comment then says what 1 looked like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was measured. Runs of different environments cannot be compared."""

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
        """What a baseline's figures belong to: `cpython-3.11-linux-x86_64-pymalloc`."""
        version = ".".join(self.python.split(".")[:2])
        return f"{self.implementation}-{version}-{self.platform}-{self.allocator}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Which part of a whole was measured."""

    number: int
    """From 1 to `count`."""
    count: int
    whole: tuple[Name, ...]
    """The ids of all scenarios of all shards, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run document: the file that every reporter reads and every later run is compared with."""

    schema: Name
    started: Moment
    """Local time with its offset, ISO 8601."""
    command: tuple[str, ...]
    environment: Environment | None
    results: tuple[Result, ...] = ()
    baseline: Name | None = None
    """The baseline it was compared with; None where it was held to its budgets alone."""
    baseline_gone: tuple[Name, ...] = ()
    """The ids of scenarios that the baseline has, and the targets no longer hold."""
    shard: Shard | None = None
    """None where the whole was measured."""
    left_out: tuple[SkippedRequest, ...] = ()
    """What `leakcheck django --all` found and did not replay."""
    known_unseen: tuple[KnownEntry, ...] = ()
    """The entries of the list of known leaks that were looked for and did not occur."""
    finished: bool = False
    """False in a document that an interrupt or a crash left behind."""
    duration_seconds: float = 0.0
