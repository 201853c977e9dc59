"""`manage.py seed_subscribers --rows 100000`: make the seeded database if it is not there."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from scenarios.newsletter.seed import seed


class Command(BaseCommand):
    """Seed the subscribers and print the file they are in."""

    help = "Make a database with --rows subscribers, unless there is one already."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --rows."""
        parser.add_argument("--rows", type=int, default=200, help="how many subscribers (default 200)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, unless it is done. Raises CommandError for fewer than no rows, or where the database fails."""
        rows: int = options["rows"]
        if rows < 0:
            raise CommandError(f"--rows is {rows}; give 0 or more")
        try:
            self.stdout.write(seed(rows))
        except DatabaseError as error:
            raise CommandError(" ".join(str(error).split())) from error
