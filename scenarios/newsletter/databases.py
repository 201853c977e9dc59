"""Which database the newsletter is sent from, and where it lies; known before Django is there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from leakcheck.scenario import without_password

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that `scenarios` lies in."""

SEED_VERSION = 1
"""Raise it with every change to the table or to the seeded texts, or old files are taken for new ones."""

SERVER_DATABASE = "leakcheck_newsletter"
"""The one database that is touched on a server; it is made where it is missing."""

DEFAULT_TABLE = "newsletter_subscriber"
_LONGEST_CONNECTING_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A database with the driver that talks to it."""

    server: str
    """What has to run: `postgresql`, `mariadb`, or nothing for SQLite."""
    engine: str
    module: str
    """What Django's backend imports; `pip install PACKAGE` brings it."""
    package: str = ""
    default_port: int = 0


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "sqlite": Arm(server="", engine="django.db.backends.sqlite3", module="sqlite3"),
        "postgresql": Arm(
            server="postgresql",
            engine="django.db.backends.postgresql",
            module="psycopg",
            package="'psycopg[binary]'",
            default_port=5432,
        ),
        "mariadb": Arm(
            server="mariadb",
            engine="django.db.backends.mysql",
            module="MySQLdb",
            package="mysqlclient (or take the pure Python driver: mariadb-pymysql)",
            default_port=3306,
        ),
        "mariadb-pymysql": Arm(
            server="mariadb",
            engine="django.db.backends.mysql",
            module="pymysql",
            package="PyMySQL",
            default_port=3306,
        ),
    }
)
_ALIASES = {"postgres": "postgresql", "mysql": "mariadb", "mysql-pymysql": "mariadb-pymysql"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server that answers."""

    host: str
    port: int
    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was asked for. Without an address, a server is one that we start ourselves."""

    name: str
    address: Address | None = None

    @property
    def arm(self) -> Arm:
        """Return the database and its driver."""
        return ARMS[self.name]


def parse_database(text: str) -> Choice:
    """Return what `sqlite`, `postgresql`, `mariadb`, `mariadb-pymysql` or a URL names. Raises ValueError otherwise."""
    scheme, is_url, _ = text.partition("://")
    said = f"database={without_password(text)}"
    name = _ALIASES.get(scheme, scheme)
    if name not in ARMS or (is_url and not ARMS[name].server):
        raise ValueError(
            f"{said}: there is no such database; write {', '.join(ARMS)}, or the URL of a server, "
            "like postgresql://user@host:5432"
        )
    return Choice(name=name, address=_address(text, said, ARMS[name]) if is_url else None)


def _address(text: str, said: str, arm: Arm) -> Address:
    try:
        url = urlsplit(text)
        port = url.port or arm.default_port
    except ValueError as error:
        raise ValueError(f"{said}: this is no URL ({error}); write scheme://user@host:port") from error
    if url.path.strip("/") not in ("", SERVER_DATABASE) or url.query or url.fragment:
        raise ValueError(f"{said}: only the database {SERVER_DATABASE} is ever touched; end the URL after the port")
    return Address(
        host=url.hostname or "127.0.0.1",
        port=port,
        user=unquote(url.username or ""),
        password=unquote(url.password or "") or os.environ.get("NEWSLETTER_PASSWORD", ""),
    )


def cache_folder() -> Path:
    """Return `.leakcheck/newsletter` in the project, or what NEWSLETTER_CACHE names, seen from the project."""
    return PROJECT / (os.environ.get("NEWSLETTER_CACHE") or ".leakcheck/newsletter")


def database_path(rows: int) -> Path:
    """Return the SQLite file that holds `rows` seeded subscribers; a file that is there is complete."""
    return cache_folder() / f"subscribers-{rows}-v{SEED_VERSION}.sqlite3"


def table_of(rows: int) -> str:
    """Return the table on a server that holds `rows` seeded subscribers; a table that is there is complete."""
    return f"subscribers_{rows}_v{SEED_VERSION}"


def sqlite_settings(path: Path) -> dict[str, Any]:
    """Return Django's settings of a SQLite file."""
    return {"ENGINE": ARMS["sqlite"].engine, "NAME": str(path)}


def server_settings(name: str, address: Address) -> dict[str, Any]:
    """Return Django's settings of our database on a server."""
    return {
        "ENGINE": ARMS[name].engine,
        "NAME": SERVER_DATABASE,
        "HOST": address.host,
        "PORT": str(address.port),
        "USER": address.user,
        "PASSWORD": address.password,
        "OPTIONS": {"connect_timeout": _LONGEST_CONNECTING_SECONDS},
    }
