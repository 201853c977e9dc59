"""A local socket that a measured process connects to, in a folder of its own that goes with it."""

import socket
from secrets import token_hex

from leakcheck.own_folders import OwnFolder

_TOKEN_BYTES = 8


class Listener:
    """Named by a token that frames begin and end with: who writes into the connection by mistake does not know it."""

    def __init__(self) -> None:
        token = token_hex(_TOKEN_BYTES)
        self.token = token.encode()
        self._folder = OwnFolder(for_socket=True)
        self.path = f"{self._folder.path}/{token}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.bind(self.path)
            self.socket.listen()
        except OSError:
            self.close()
            raise

    @property
    def folder(self) -> str:
        """Return the folder, which no other process has."""
        return str(self._folder.path)

    def close(self) -> None:
        """Stop listening, and remove the folder; connections that were accepted stay."""
        self.socket.close()
        self._folder.remove()
