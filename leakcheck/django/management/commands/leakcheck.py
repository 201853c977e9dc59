"""`python manage.py leakcheck`: `leakcheck django`, with the settings that manage.py has chosen."""

import os
import subprocess
import sys
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Hand everything on to `leakcheck django`, in an interpreter that has not loaded the project."""

    help = "Replay URLs and learn whether memory grows; the options are those of `leakcheck django`."
    requires_system_checks: Any = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run with the arguments as they were written, and end as `leakcheck django` ends."""
        sys.exit(_leakcheck(argv[2:]))

    def handle(self, *arguments: str, **options: object) -> None:
        """Do the same for `call_command("leakcheck", "GET:/", …)`. Raises SystemExit where it does not end with 0."""
        if code := _leakcheck(arguments):
            sys.exit(code)


def _leakcheck(arguments: Any) -> int:
    settings = [] if any(one.startswith("--settings") for one in arguments) else _settings()
    return subprocess.call([sys.executable, "-m", "leakcheck", "django", *settings, *arguments])


def _settings() -> list[str]:
    return ["--settings", os.environ["DJANGO_SETTINGS_MODULE"]]
