"""What comes from a measured process: its answers over a local socket, and what it writes to its standard streams."""

import json
import os
import selectors
import socket
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from leakcheck.model.failure import interfered, misunderstood
from leakcheck.runner.message_reader import MessageReader
from leakcheck.runner.post_mortem import last_words
from leakcheck.runner.temporary_folders import TemporaryFolder

_LONGEST_SECONDS = 2.0
"""How long what is left over is taken in: a child that outlives its parent may write to the same pipe without end."""

_TAIL_BYTES = 32_000
_CHUNK_BYTES = 1 << 20


class WorkerConnection:
    """Listens for one process, whatever it does to its descriptors. Raises OSError where it cannot."""

    def __init__(self) -> None:
        self._listener = SocketListener()
        self._inbox = MessageReader(self._listener.token)
        self._connection: socket.socket | None = None
        self._pipes: list[Any] = []
        self.tail = bytearray()
        """The end of what it wrote."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener.socket, selectors.EVENT_READ, self._accept)

    @property
    def path(self) -> str:
        """Return the socket's path, which the process is told."""
        return self._listener.path

    @property
    def folder(self) -> str:
        """Return the folder of this process alone."""
        return self._listener.folder

    @property
    def is_connected(self) -> bool:
        """Tell whether the process has connected."""
        return self._connection is not None

    @property
    def messages(self) -> deque[dict[str, Any]]:
        """Return what has come and was not taken yet."""
        return self._inbox.messages

    def follow(self, process: "subprocess.Popen[bytes]") -> None:
        """Take in what a process writes to its standard streams."""
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, self._drain)
            self._pipes.append(pipe)

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a message; where nobody is there to hear it, whoever listens finds out."""
        if self._connection is not None:
            try:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass

    def take_in(self, seconds: float) -> bool:
        """Wait so long for something to come, and take it in; tell whether something came."""
        events = self._selector.select(seconds)
        for key, _ in events:
            key.data(key.fileobj)
        return bool(events)

    def take_in_the_rest(self) -> None:
        """Take in all that is there already."""
        end = time.monotonic() + _LONGEST_SECONDS
        while self.take_in(0) and time.monotonic() < end:
            pass

    def refuse_what_is_not_ours(self) -> None:
        """Raise WorkerFailed where something else wrote into the connection, or what came makes no sense."""
        if self._inbox.foreign:
            raise interfered(self._inbox.foreign)
        if self._inbox.broken:
            raise misunderstood(self._inbox.broken)

    def written(self) -> str:
        """Return the end of what the process wrote, as text."""
        return last_words(self.tail)

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing is listened for any more."""
        return self._selector.get_map() is None

    def close(self) -> None:
        """Hang up, and remove the folder."""
        if self._connection is not None:
            self._forget(self._connection)
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()
        self._listener.close()

    def _accept(self, listener: Any) -> None:
        """Take the process's connection, also a second one after its code closed the first."""
        if self._connection is not None:
            self._read_the_rest(self._connection)
            self._forget(self._connection)
        self._connection, _ = listener.accept()
        self._inbox.forget_half()
        self._selector.register(self._connection, selectors.EVENT_READ, self._read)

    def _read_the_rest(self, connection: socket.socket) -> None:
        """Take in what was sent before the connection was closed: its last message may not have been read."""
        connection.setblocking(False)
        end = time.monotonic() + _LONGEST_SECONDS
        try:
            while connection in self._selector.get_map() and time.monotonic() < end:
                self._read(connection)
        except BlockingIOError:
            pass  # a child may hold it open still

    def _read(self, connection: Any) -> None:
        try:
            data = connection.recv(_CHUNK_BYTES)
        except ConnectionResetError:
            data = b""  # it ended, and had not read all that we sent
        if not data:
            self._selector.unregister(connection)
            return
        self._inbox.feed(data)

    def _drain(self, pipe: Any) -> None:
        data = pipe.read1(_CHUNK_BYTES) or b""
        if not data:
            self._selector.unregister(pipe)
        self.tail = (self.tail + data)[-_TAIL_BYTES:]

    def _forget(self, connection: socket.socket) -> None:
        try:
            self._selector.unregister(connection)
        except KeyError:
            pass
        connection.close()


_TOKEN_BYTES = 8


class SocketListener:
    """Named by a token that frames begin and end with: who writes into the connection by mistake does not know it."""

    def __init__(self) -> None:
        token = token_hex(_TOKEN_BYTES)
        self.token = token.encode()
        self._folder = TemporaryFolder(for_socket=True)
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
