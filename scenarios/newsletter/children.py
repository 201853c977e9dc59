"""The processes beside the measured one: their memory and their work stay out of what is measured."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scenarios.newsletter.databases import PROJECT, database_path


def seeded_database(rows: int) -> Path:
    """Return the database with `rows` subscribers; one that is not there yet is made, once.

    Made in the measured process, it would leave migrations and all its rows behind in that heap.
    Raises RuntimeError where seeding fails.
    """
    database = database_path(rows)
    if not database.exists():
        # stdout may be the channel of whoever measures this process, so the child's is not let through
        seeding = subprocess.run(
            _command("scenarios.newsletter.manage", "seed_subscribers", "--rows", str(rows)),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
        )
        if seeding.returncode:
            raise RuntimeError(f"seeding {rows} subscribers into {database} failed:\n{seeding.stderr.strip()}")
    return database


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run the mail server and give its port; the server is gone when the block ends, or this process.

    Raises RuntimeError where it does not start.
    """
    server = subprocess.Popen(
        _command("scenarios.newsletter.smtp_sink"),
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    with server:  # leaving it closes the pipes, at which the server ends, and waits for that
        port = server.stdout.readline() if server.stdout else ""
        if not port:
            raise RuntimeError("the newsletter's mail server did not start; install aiosmtpd in this environment")
        try:
            yield int(port)
        finally:
            server.terminate()


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _environment() -> dict[str, str]:
    # the folder first: with PYTHONSAFEPATH set, `-m` does not look into the current one
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "scenarios.newsletter.settings"}
