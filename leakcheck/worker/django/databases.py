"""Databases of this process's own in the place of the project's, which are never opened.

The names are exchanged before Django is set up, so that not even an app's `ready` reaches the real
ones. The tables are made by Django's own test runner. A SQLite database becomes a file in a folder
that vanishes with the run, and not one in memory: what a request stores there would be measured as
memory. Where all are SQLite they are made once in a run, and copied by each process.
"""

import contextlib
import io
import os
import re
import shutil
import socket
import tempfile
import zlib
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.probe.process_folder import own_folder
from leakcheck.worker.web.options import DjangoRequestSettings

_NONE = "django.db.backends.dummy"
_TEMPLATES = "databases"


class Databases:
    """The test databases of one process. Make it before `django.setup()`; `make` after it."""

    def __init__(self, shared_folder: str | None) -> None:
        self._templates = None if shared_folder is None else os.path.join(shared_folder, _TEMPLATES)
        self._folder = tempfile.mkdtemp(prefix="leakcheck-", dir=shared_folder or own_folder())
        self._made: list[Any] = []
        self._files: dict[Any, str] = {}
        """SQLite's stand-ins, by what they stand in for."""
        self._others = False
        self._stand_in()

    def _stand_in(self) -> None:
        from django.db import connections

        mirrors: dict[str, str] = {}
        for alias in connections:
            said = connections.databases[alias]
            if said["ENGINE"] == _NONE:
                continue
            if said["TEST"]["MIRROR"]:
                mirrors[alias] = said["TEST"]["MIRROR"]
                continue
            said["NAME"] = said["TEST"]["NAME"] = self._own_name(connections[alias])
        for alias, mirrored in mirrors.items():
            connections.databases[alias]["NAME"] = connections.databases[mirrored]["NAME"]
        if self._files:
            from django.db.backends.signals import connection_created

            # nobody needs these files after a power cut, and waiting for the disk is not what is measured
            connection_created.connect(_do_not_sync, weak=False)

    def _own_name(self, connection: Any) -> str:
        """Return the name of what stands in for a connection's database; the same for the same database."""
        said = connection.settings_dict
        if connection.vendor == "sqlite":
            number = len(self._files)
            return self._files.setdefault(str(said["NAME"]), os.path.join(self._folder, f"{number}.sqlite3"))
        self._others = True
        return f"{connection.creation._get_test_db_name()}_{mark()}"

    def make(self, manner: DjangoRequestSettings) -> None:
        """Make the databases and load the fixtures, or copy what another process of the run made."""
        from django.db import connections

        if self._templates is not None and not self._others and os.path.isdir(self._templates):
            for path in self._files.values():
                shutil.copyfile(os.path.join(self._templates, os.path.basename(path)), path)
            return
        from django.core.management import call_command
        from django.test.utils import setup_databases

        if not any(said["ENGINE"] != _NONE for said in connections.databases.values()):
            return
        if not manner.migrate:
            for said in connections.databases.values():
                said["TEST"]["MIGRATE"] = False
        for alias in connections:
            drop(connections[alias])
        # not serialized: the whole database would lie in memory as a text
        said_by_django = io.StringIO()
        try:
            with contextlib.redirect_stderr(said_by_django):
                self._made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
        except SystemExit as error:
            raise UsageError(f"the test database cannot be made: {said_by_django.getvalue().strip()}") from error
        if fixtures := manner.fixtures.splitlines():
            try:
                call_command("loaddata", *fixtures, verbosity=0)
            except Exception as error:
                raise UsageError(f"--fixtures {' '.join(fixtures)}: {error}") from error
        if self._files and self._templates is not None and not self._others:
            connections.close_all()
            self._leave_templates(self._templates)

    def _leave_templates(self, templates: str) -> None:
        making = f"{templates}-{os.getpid()}"
        os.mkdir(making)
        for path in self._files.values():
            shutil.copyfile(path, os.path.join(making, os.path.basename(path)))
        try:
            os.rename(making, templates)  # whole or not at all: others look for the name
        except OSError:
            shutil.rmtree(making, ignore_errors=True)  # another process was faster

    def close(self) -> None:
        """Destroy them."""
        from django.db import connections
        from django.test.utils import teardown_databases

        connections.close_all()
        if self._others:
            teardown_databases(self._made, verbosity=0)
        shutil.rmtree(self._folder, ignore_errors=True)


def _do_not_sync(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")


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
