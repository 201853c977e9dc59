"""Test databases on a server that a killed process has left behind: their names say whose they were."""

import os
import re
import socket
import zlib
from typing import Any

_LISTINGS = {
    "postgresql": "SELECT datname FROM pg_database",
    "mysql": "SHOW DATABASES",
}


def mark() -> str:
    """Return the end of the names of this process's databases: this machine's mark, and the process's number."""
    return f"leakcheck_{_machine()}_{os.getpid()}"


def _machine() -> str:
    # another machine may have a process of the same number, and be measuring on the same server
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def drop(connection: Any) -> None:
    """Drop what processes of this machine that live no more have left on a connection's server."""
    listing = _LISTINGS.get(connection.vendor)
    if listing is None:
        return
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(listing)
        for name in abandoned([row[0] for row in cursor.fetchall()]):
            cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)}")


def abandoned(names: list[str]) -> list[str]:
    """Return the names that end with the mark of a process that was on this machine, and has ended."""
    pattern = re.compile(rf"test_.*_leakcheck_{_machine()}_(\d+)")
    return [name for name in names if (match := pattern.fullmatch(name)) and not _is_running(int(match[1]))]


def _is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
