"""The runner's end of `worker/channel.py`: it listens on a local socket, sends requests and receives messages."""

import json
import selectors
import socket
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from leakcheck.model.failure import foreign_output, undecodable_answer
from leakcheck.runner.message_reader import MessageReader

_LONGEST_SECONDS = 2.0
"""How long the rest is received: a child that outlives its parent may write to the same connection without end."""

_TOKEN_BYTES = 8
_CHUNK_BYTES = 1 << 20


def listen_in(folder: Path) -> socket.socket:
    """Return a socket that listens in a folder. Raises OSError.

    Its name is the token that frames begin and end with: what writes to the socket by mistake does not know it.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(f"{folder}/{token_hex(_TOKEN_BYTES)}")
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


class RunnerChannel:
    """The connection of one process, which may close its descriptors and connect again."""

    def __init__(self, listener: socket.socket) -> None:
        self.path: str = listener.getsockname()
        """The socket's path, which is passed to the process."""
        self.selector = selectors.DefaultSelector()
        """Calls `data(fileobj)` of what is registered here, whenever the channel receives."""
        self._listener = listener
        self._reader = MessageReader(Path(self.path).name.encode())
        self._connection: socket.socket | None = None
        self.selector.register(listener, selectors.EVENT_READ, self._accept)

    @property
    def is_connected(self) -> bool:
        """Return whether the process has connected."""
        return self._connection is not None

    @property
    def messages(self) -> deque[dict[str, Any]]:
        """Return the messages that have come and were not taken yet."""
        return self._reader.messages

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; where the process is gone, waiting for the answer finds out."""
        if self._connection is not None:
            try:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass

    def receive(self, seconds: float) -> bool:
        """Wait up to so long for messages, and read them; return whether anything came."""
        events = self.selector.select(seconds)
        for key, _ in events:
            key.data(key.fileobj)
        return bool(events)

    def receive_rest(self) -> None:
        """Read everything that is there already."""
        end = time.monotonic() + _LONGEST_SECONDS
        while self.receive(0) and time.monotonic() < end:
            pass

    def raise_if_broken(self) -> None:
        """Raise WorkerFailed where a message makes no sense."""
        if self._reader.broken:
            raise undecodable_answer(self._reader.broken)

    def raise_if_corrupt(self) -> None:
        """Raise WorkerFailed where something else wrote to the connection, or a message makes no sense."""
        if self._reader.foreign:
            raise foreign_output(self._reader.foreign)
        self.raise_if_broken()

    def forgive(self) -> None:
        """Forget what was no message."""
        self._reader.discard_foreign()

    def close(self) -> None:
        """Close the connection, and stop listening."""
        for end in (self._connection, self._listener):
            if end is not None:
                end.close()
        self.selector.close()

    def _accept(self, listener: Any) -> None:
        """Accept the process's connection, or another one after its code closed the first."""
        if self._connection is not None:
            self._read_rest(self._connection)
            self._unregister(self._connection)
            self._connection.close()
        self._connection, _ = listener.accept()
        self._reader.discard_partial()
        self.selector.register(self._connection, selectors.EVENT_READ, self._read)

    def _read_rest(self, connection: socket.socket) -> None:
        """Read what was sent before the connection was closed: the last message may not have been read yet."""
        connection.setblocking(False)
        end = time.monotonic() + _LONGEST_SECONDS
        try:
            while connection in self.selector.get_map() and time.monotonic() < end:
                self._read(connection)
        except BlockingIOError:
            pass  # a child may hold it open still

    def _read(self, connection: Any) -> None:
        try:
            data = connection.recv(_CHUNK_BYTES)
        except ConnectionResetError:
            data = b""  # the process ended without reading all that was sent
        if data:
            self._reader.feed(data)
        else:
            self._unregister(connection)

    def _unregister(self, connection: socket.socket) -> None:
        if connection in self.selector.get_map():
            self.selector.unregister(connection)
