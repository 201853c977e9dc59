"""Test databases of this process in place of the project's, which are never opened.

The names are replaced before Django is set up, so that not even an app's `ready` reaches the real databases. The tables
are made by Django's own test runner. A SQLite database becomes a file in a folder that is removed with the run, not one
in memory, where what a request stores would be measured as memory. If all databases are SQLite they are made once per
run and copied by each process.
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
from leakcheck.probe.process_environment import own_folder
from leakcheck.worker.web.options import DjangoRequestSettings

_NONE = "django.db.backends.dummy"
_TEMPLATES = "databases"


class Databases:
    """The test databases of one process. Create it before `django.setup()` and call `make` afterwards."""

    def __init__(self, shared_folder: str | None) -> None:
        self._templates = None if shared_folder is None else os.path.join(shared_folder, _TEMPLATES)
        self._folder = tempfile.mkdtemp(prefix="leakcheck-", dir=shared_folder or own_folder())
        self._made: list[Any] = []
        self._files: dict[Any, str] = {}
        """Paths of the SQLite files, by the names of the databases that they replace."""
        self._others = False
        self._replace_names()

    def _replace_names(self) -> None:
        from django.db import connections

        mirrors: dict[str, str] = {}
        for alias in connections:
            database = connections.databases[alias]
            if database["ENGINE"] == _NONE:
                continue
            if database["TEST"]["MIRROR"]:
                mirrors[alias] = database["TEST"]["MIRROR"]
                continue
            database["NAME"] = database["TEST"]["NAME"] = self._own_name(connections[alias])
        for alias, mirrored in mirrors.items():
            connections.databases[alias]["NAME"] = connections.databases[mirrored]["NAME"]
        if self._files:
            from django.db.backends.signals import connection_created

            # the files need not survive a power cut, and waiting for the disk is not to be measured
            connection_created.connect(_do_not_sync, weak=False)

    def _own_name(self, connection: Any) -> str:
        """Return the name of the database that replaces a connection's; the same for the same database."""
        settings = connection.settings_dict
        if connection.vendor == "sqlite":
            number = len(self._files)
            return self._files.setdefault(str(settings["NAME"]), os.path.join(self._folder, f"{number}.sqlite3"))
        self._others = True
        return f"{connection.creation._get_test_db_name()}_{name_suffix()}"

    def make(self, settings: DjangoRequestSettings) -> None:
        """Make the databases and load the fixtures, or copy those that another process of the run has made.

        Raises UsageError if a database cannot be made or a fixture cannot be loaded.
        """
        from django.db import connections

        if self._templates is not None and not self._others and os.path.isdir(self._templates):
            for path in self._files.values():
                shutil.copyfile(os.path.join(self._templates, os.path.basename(path)), path)
            return
        from django.core.management import call_command
        from django.test.utils import setup_databases

        if not any(database["ENGINE"] != _NONE for database in connections.databases.values()):
            return
        if not settings.migrate:
            for database in connections.databases.values():
                database["TEST"]["MIGRATE"] = False
        for alias in connections:
            drop_abandoned(connections[alias])
        # not serialized: that would keep the whole database in memory as a string
        output = io.StringIO()
        try:
            with contextlib.redirect_stderr(output):
                self._made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
        except SystemExit as error:
            raise UsageError(f"the test database could not be created: {output.getvalue().strip()}") from error
        if fixtures := settings.fixtures.splitlines():
            try:
                call_command("loaddata", *fixtures, verbosity=0)
            except Exception as error:
                raise UsageError(f"--fixtures {' '.join(fixtures)}: {error}") from error
        if self._files and self._templates is not None and not self._others:
            connections.close_all()
            self._save_templates(self._templates)

    def _save_templates(self, templates: str) -> None:
        partial = f"{templates}-{os.getpid()}"
        os.mkdir(partial)
        for path in self._files.values():
            shutil.copyfile(path, os.path.join(partial, os.path.basename(path)))
        try:
            os.rename(partial, templates)  # atomic: other processes look for this name
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)  # another process was faster

    def close(self) -> None:
        """Destroy the databases."""
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


_LISTINGS = {"postgresql": "SELECT datname FROM pg_database", "mysql": "SHOW DATABASES"}


def name_suffix() -> str:
    """Return the suffix of the names of this process's databases: a hash of the machine's name, and the process id."""
    return f"leakcheck_{_machine()}_{os.getpid()}"


def _machine() -> str:
    # a process with the same id on another machine may use the same database server
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def drop_abandoned(connection: Any) -> None:
    """Drop the databases that ended processes of this machine have left on a connection's server."""
    listing = _LISTINGS.get(connection.vendor)
    if listing is None:
        return
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(listing)
        for name in abandoned([row[0] for row in cursor.fetchall()]):
            cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)}")


def abandoned(names: list[str]) -> list[str]:
    """Return the names that end with the suffix of an ended process of this machine."""
    pattern = re.compile(rf"test_.*_leakcheck_{_machine()}_(\d+)")
    return [name for name in names if (match := pattern.fullmatch(name)) and not _is_running(int(match[1]))]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's process
    return True
