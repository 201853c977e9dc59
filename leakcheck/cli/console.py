"""The one way to a terminal: colour only there, NO_COLOR heeded, and room for a table in a log."""

import os

from rich.console import Console

_LOG_COLUMNS = 120


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; in a pipe or a file it is wide enough for the table, unless COLUMNS says otherwise."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_COLUMNS
    return console
