"""`manage.py seed_subscribers --rows 100000`: make the seeded database if it is not there."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scenarios.newsletter.seed import seed


class Command(BaseCommand):
    """Seed the subscribers and print the file they are in."""

    help = "Make a database with --rows subscribers, unless there is one already."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --rows."""
        parser.add_argument("--rows", type=int, default=200, help="how many subscribers (default 200)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, unless it is done. Raises CommandError for fewer than no rows."""
        rows: int = options["rows"]
        if rows < 0:
            raise CommandError(f"--rows is {rows}; give 0 or more")
        self.stdout.write(str(seed(rows)))
