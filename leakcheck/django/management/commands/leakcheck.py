"""`python manage.py leakcheck`: `leakcheck django`, with the settings that manage.py has chosen."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings as project
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Hand everything on to `leakcheck django`, in an interpreter that has not loaded the project."""

    help = "Replay URLs and learn whether memory grows; the options are those of `leakcheck django`."
    requires_system_checks: Any = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run with the arguments as they were written, and end as `leakcheck django` ends."""
        command, environment = _leakcheck(argv[2:])
        sys.stdout.flush()
        sys.stderr.flush()
        # in this process's place: an interrupt, or a job that is cancelled, is for the command and not for manage.py
        os.execve(command[0], command, environment)

    def handle(self, *arguments: str, **options: object) -> None:
        """Do the same for `call_command("leakcheck", "GET:/", …)`. Raises SystemExit where it does not end with 0."""
        command, environment = _leakcheck(arguments)
        process = subprocess.Popen(command, env=environment)
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt:
                continue  # the command hears it too, and keeps what it has measured
        if code:
            sys.exit(code)


def _leakcheck(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command, and the environment that it is run in."""
    # it may be run from any folder: what manage.py has on its path by lying there is to be found from here too
    folders = [str(Path(sys.argv[0]).resolve().parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    if environment.get("TZ") == project.TIME_ZONE:
        # Django has put it there: runs are named by the clock of who measures, whoever starts them
        del environment["TZ"]
    settings = ["--settings", os.environ["DJANGO_SETTINGS_MODULE"]]
    if any(one.partition("=")[0] == "--settings" for one in arguments):
        settings = []
    return [sys.executable, "-m", "leakcheck", "django", *settings, *arguments], environment
