"""A temporary folder for a local socket."""

import tempfile
from pathlib import Path

_LONGEST_PATH = 100 - len("/0123456789abcdef")


def make_socket_folder() -> Path:
    """Make a folder whose path leaves room for the name of a socket: the kernel allows 107 characters."""
    folder = tempfile.mkdtemp(prefix="leakcheck-")
    if len(folder) < _LONGEST_PATH:
        return Path(folder)
    Path(folder).rmdir()
    return Path(tempfile.mkdtemp(prefix="leakcheck-", dir="/tmp"))
