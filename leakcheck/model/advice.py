"""Advice on known causes of memory growth, and the facts about Django that it rests on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A known cause of growth that a result shows."""

    trap: str
    """The known cause."""
    remedy: str
    """What to do about it."""
    evidence: str
    """What in the result points to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """A database as Django was configured in the measured process."""

    alias: str
    vendor: str
    """`sqlite`, `postgresql`, `mysql` (MariaDB too) …"""
    server_side_cursors: bool
    """False if DISABLE_SERVER_SIDE_CURSORS is set, or the database has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoFacts:
    """The Django that the measured process runs, and how it is configured."""

    version: str
    debug: bool
    databases: tuple[DatabaseFacts, ...] = ()
    fast_passwords: bool = False
    """Whether a fast password hasher was used, as in tests, in the place of the project's."""

    @property
    def vendors(self) -> frozenset[str]:
        """The vendors of its databases."""
        return frozenset(database.vendor for database in self.databases)
