"""The words of advice: a trap that many have fallen into, and what there is to tell that it is one here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A known trap that a result shows, what to do about it, and why it is believed to be that."""

    trap: str
    remedy: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """A database of the measured process, as Django had it."""

    alias: str
    vendor: str
    """`sqlite`, `postgresql`, `mysql` (which MariaDB is, too) …"""
    server_side_cursors: bool
    """False where DISABLE_SERVER_SIDE_CURSORS is set, or the database has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoFacts:
    """What the measured process says of its Django."""

    version: str
    debug: bool
    databases: tuple[DatabaseFacts, ...] = ()
    fast_passwords: bool = False
    """Whether passwords were hashed as tests do, and not as the project does."""

    @property
    def vendors(self) -> frozenset[str]:
        """The kinds of databases that it has."""
        return frozenset(database.vendor for database in self.databases)
