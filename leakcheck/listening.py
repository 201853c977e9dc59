"""A local socket that a measured process connects to, in a folder of its own that goes with it."""

import shutil
import socket
import tempfile
from pathlib import Path
from secrets import token_hex

_LONGEST_PATH = 107
"""What the kernel allows."""
_TOKEN_BYTES = 8


class Listener:
    """Named by a token that frames begin and end with: who writes into the connection by mistake does not know it."""

    def __init__(self) -> None:
        token = token_hex(_TOKEN_BYTES)
        self.token = token.encode()
        self._folder = _make_folder(_LONGEST_PATH - len(f"/{token}"))
        self.path = f"{self._folder}/{token}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.bind(self.path)
            self.socket.listen()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Stop listening, and remove the folder; connections that were accepted stay."""
        self.socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _make_folder(longest: int) -> str:
    folder = tempfile.mkdtemp(prefix="leakcheck-")
    if len(folder) <= longest:
        return folder
    Path(folder).rmdir()
    return tempfile.mkdtemp(prefix="leakcheck-", dir="/tmp")
