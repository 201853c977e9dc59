"""Run a command and return what it prints."""

import subprocess
from collections.abc import Sequence

from leakcheck.model.errors import LeakcheckException


class CommandFailed(LeakcheckException):
    """A command cannot be started, took too long or failed. The message is its reason; empty if it gave none."""


def run_command(command: Sequence[str], *, timeout_seconds: float, error_lines: int = 1) -> str:
    """Return what a command prints, without the last line feeds; bytes that are not UTF-8 are kept as surrogates.

    Raises CommandFailed, with the last `error_lines` lines of its errors.
    """
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout_seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandFailed(str(error)) from error
    if process.returncode:
        errors = process.stderr.strip() or process.stdout.strip()
        raise CommandFailed("\n".join(errors.splitlines()[-error_lines:]))
    return process.stdout.rstrip("\n")
