"""The subscribers: the same rows at every seeding, in a file that is whole or not there."""

import os
from collections.abc import Iterator
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction

from scenarios.newsletter.databases import database_path
from scenarios.newsletter.models import Subscriber

BATCH_SIZE = 5000
TEXT_CHARACTERS = 205
FIRST_NAMES = ("Ada", "Bashir", "Chiara", "Dmitri", "Esi", "Farid", "Grace", "Hiroshi", "Ines", "Jonas", "Kalina")
LAST_NAMES = ("Abara", "Brandt", "Costa", "Dubois", "Eriksen", "Farkas", "Green", "Haddad", "Ito", "Jensen", "Kowalska",
              "Lindgren", "Moreau")  # fmt: skip

_INSERT = f"INSERT INTO {Subscriber._meta.db_table} (email, first_name, last_name, profile) VALUES (%s, %s, %s, %s)"


def seed(rows: int) -> Path:
    """Return the file with `rows` subscribers; make it first, in about a second for 100 000, if it is not there."""
    path = database_path(rows)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # a name of our own until it is whole: two seedings at once, or one that is killed, must leave no half file
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    connection.close()
    connection.settings_dict["NAME"] = unfinished
    try:
        call_command("migrate", verbosity=0, interactive=False)
        with transaction.atomic(), connection.cursor() as cursor:
            # not bulk_create: with a model instance for each row, the first demo on a machine waits for seconds
            for first in range(1, rows + 1, BATCH_SIZE):
                cursor.executemany(_INSERT, list(_subscribers(first, min(first + BATCH_SIZE, rows + 1))))
        connection.close()
        unfinished.replace(path)
    finally:
        connection.close()
        unfinished.unlink(missing_ok=True)
        connection.settings_dict["NAME"] = path
    return path


def _subscribers(first: int, end: int) -> Iterator[tuple[str, ...]]:
    """Give the subscribers from `first` up to `end`; each has 205 bytes of text beside the address."""
    for number in range(first, end):
        first_name, last_name = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
        profile = f"Reader {number} since 2019; likes old maps, long trains and short poems; "
        email = f"{first_name}.{last_name}.{number:07}@example.com".lower()
        yield email, first_name, last_name, profile.ljust(TEXT_CHARACTERS - len(first_name) - len(last_name), ".")
