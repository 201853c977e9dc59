"""The subscribers: the same rows at every seeding, in a file or a table that is whole or not there."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection, transaction

from scenarios.newsletter.databases import SERVER_DATABASE, database_path
from scenarios.newsletter.models import Subscriber

BATCH_SIZE = 5000
TEXT_CHARACTERS = 205
FIRST_NAMES = ("Ada", "Bashir", "Chiara", "Dmitri", "Esi", "Farid", "Grace", "Hiroshi", "Ines", "Jonas", "Kalina")
LAST_NAMES = ("Abara", "Brandt", "Costa", "Dubois", "Eriksen", "Farkas", "Green", "Haddad", "Ito", "Jensen", "Kowalska",
              "Lindgren", "Moreau")  # fmt: skip
COLUMNS = "email, first_name, last_name, profile"

Row = tuple[str, str, str, str]


def seed(rows: int) -> str:
    """Return where `rows` subscribers are; put them there first, in seconds, if they are not."""
    if connection.vendor == "sqlite":
        return str(_seed_file(database_path(rows), rows))
    _make_database()
    with _one_at_a_time():
        table = settings.NEWSLETTER_TABLE
        if table not in connection.introspection.table_names():
            _seed_table(table, rows)
    return f"{SERVER_DATABASE}.{table}"


def _seed_file(path: Path, rows: int) -> Path:
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # a name of our own until it is whole: two seedings at once, or one that is killed, must leave no half file
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    connection.close()
    connection.settings_dict["NAME"] = unfinished
    try:
        call_command("migrate", verbosity=0, interactive=False)
        with transaction.atomic():
            _fill(Subscriber._meta.db_table, _subscribers(rows))
        connection.close()
        unfinished.replace(path)
    finally:
        connection.close()
        unfinished.unlink(missing_ok=True)
        connection.settings_dict["NAME"] = path
    return path


def _make_database() -> None:
    """Make our database where it is missing, from beside it: nothing else on the server is touched."""
    try:
        connection.ensure_connection()
    except OperationalError:
        listed = {
            "postgresql": "SELECT 1 FROM pg_database WHERE datname = %s",
            "mysql": "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s",
        }[connection.vendor]
        with warnings.catch_warnings(action="ignore"), connection._nodb_cursor() as cursor:
            cursor.execute(listed, [SERVER_DATABASE])
            if cursor.fetchone() is not None:
                raise
            coding = "CHARACTER SET utf8mb4" if connection.vendor == "mysql" else "ENCODING 'UTF8' TEMPLATE template0"
            try:
                cursor.execute(f"CREATE DATABASE {SERVER_DATABASE} {coding}")
            except DatabaseError:
                # another process, which began beside us, may have made it meanwhile
                cursor.execute(listed, [SERVER_DATABASE])
                if cursor.fetchone() is None:
                    raise


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one seeding at a time into the database; the server unlocks for who dies."""
    take, leave = {
        "postgresql": ("SELECT pg_advisory_lock(hashtext(%s))", "SELECT pg_advisory_unlock(hashtext(%s))"),
        "mysql": ("SELECT GET_LOCK(%s, 3600)", "SELECT RELEASE_LOCK(%s)"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(take, [SERVER_DATABASE])
        try:
            yield
        finally:
            cursor.execute(leave, [SERVER_DATABASE])


def _seed_table(table: str, rows: int) -> None:
    unfinished = f"{table}_part"
    Subscriber._meta.db_table = unfinished
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {unfinished}")
    with connection.schema_editor() as editor:
        editor.create_model(Subscriber)
    with transaction.atomic():
        _fill(unfinished, _subscribers(rows))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {unfinished}" if connection.vendor == "postgresql" else f"ANALYZE TABLE {unfinished}")
        cursor.execute(f"ALTER TABLE {unfinished} RENAME TO {table}")
    Subscriber._meta.db_table = table


def _fill(table: str, subscribers: Iterator[Row]) -> None:
    """Write all rows, each database in its fastest way."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({COLUMNS}) FROM STDIN") as copy:
                for row in subscribers:
                    copy.write_row(row)
            return
        # MariaDB's drivers make one statement of a batch
        insert = f"INSERT INTO {table} ({COLUMNS}) VALUES (%s, %s, %s, %s)"
        for batch in _batches(subscribers):
            cursor.executemany(insert, batch)


def _batches(subscribers: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(subscribers)
    while batch := list(islice(rest, BATCH_SIZE)):
        yield batch


def _subscribers(rows: int) -> Iterator[Row]:
    """Give the subscribers; each has 205 bytes of text beside the address."""
    for number in range(1, rows + 1):
        first_name, last_name = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
        profile = f"Reader {number} since 2019; likes old maps, long trains and short poems; "
        yield (
            f"{first_name}.{last_name}.{number:07}@example.com".lower(),
            first_name,
            last_name,
            profile.ljust(TEXT_CHARACTERS - len(first_name) - len(last_name), "."),
        )
