"""The connection to a measured process: messages over a local socket, and the output of its standard streams."""

import json
import os
import selectors
import socket
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from leakcheck.model.failure import foreign_output, undecodable_answer
from leakcheck.runner.message_reader import MessageReader
from leakcheck.runner.temporary_folders import TemporaryFolder

_LONGEST_SECONDS = 2.0
"""How long the rest is received: a child that outlives its parent may write to the same pipe without end."""

_TAIL_BYTES = 32_000
_MOST_CHARACTERS = 4000
_MOST_FRAMES = 8
_PACKAGE = Path(__file__).resolve().parents[1]
_OWN_FRAMES = (
    *(f'  File "{_PACKAGE / room}' for room in ("probe", "worker")),
    '  File "<frozen importlib',
)
_CHUNK_BYTES = 1 << 20


class WorkerConnection:
    """Listens for one process, which may close its descriptors and connect again. Raises OSError when it cannot."""

    def __init__(self) -> None:
        self._listener = SocketListener()
        self._reader = MessageReader(self._listener.token)
        self._connection: socket.socket | None = None
        self._pipes: list[Any] = []
        self._tail = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener.socket, selectors.EVENT_READ, self._accept)

    @property
    def path(self) -> str:
        """Return the path of the socket, which is passed to the process."""
        return self._listener.path

    @property
    def folder(self) -> str:
        """Return the folder that belongs to this process alone."""
        return self._listener.folder

    @property
    def is_connected(self) -> bool:
        """Return whether the process has connected."""
        return self._connection is not None

    @property
    def messages(self) -> deque[dict[str, Any]]:
        """Return the messages that have come and were not taken yet."""
        return self._reader.messages

    def read_output_of(self, process: "subprocess.Popen[bytes]") -> None:
        """Read the standard streams of a process from now on."""
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, self._read_output)
            self._pipes.append(pipe)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; where the process is gone, waiting for the answer finds out."""
        if self._connection is not None:
            try:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass

    def receive(self, seconds: float) -> bool:
        """Wait up to so long for messages or output, and read them; return whether anything came."""
        events = self._selector.select(seconds)
        for key, _ in events:
            key.data(key.fileobj)
        return bool(events)

    def receive_rest(self) -> None:
        """Read all messages and output that are there already."""
        end = time.monotonic() + _LONGEST_SECONDS
        while self.receive(0) and time.monotonic() < end:
            pass

    def raise_if_corrupt(self) -> None:
        """Raise WorkerFailed where something else wrote to the connection, or a message makes no sense."""
        if self._reader.foreign:
            raise foreign_output(self._reader.foreign)
        if self._reader.broken:
            raise undecodable_answer(self._reader.broken)

    def output_tail(self) -> str:
        """Return the end of the process's output, with the newest of faulthandler's frames, and without leakcheck's.

        faulthandler writes the newest frame first, so the end alone would show where every process begins, instead of
        where this one was.
        """
        lines: list[str] = []
        frames = 0
        for line in self._tail.decode(errors="replace").splitlines():
            frames = frames + 1 if line.startswith("  File ") else 0
            if frames <= _MOST_FRAMES and not line.startswith(_OWN_FRAMES):
                lines.append(line)
        return "\n".join(lines).strip()[-_MOST_CHARACTERS:]

    @property
    def is_closed(self) -> bool:
        """Return whether `close` was called."""
        return self._selector.get_map() is None

    def close(self) -> None:
        """Close the connection, and remove the folder."""
        if self._connection is not None:
            self._close(self._connection)
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()
        self._listener.close()

    def _accept(self, listener: Any) -> None:
        """Accept the process's connection, or another one after its code closed the first."""
        if self._connection is not None:
            self._read_rest(self._connection)
            self._close(self._connection)
        self._connection, _ = listener.accept()
        self._reader.discard_partial()
        self._selector.register(self._connection, selectors.EVENT_READ, self._read)

    def _read_rest(self, connection: socket.socket) -> None:
        """Read what was sent before the connection was closed: the last message may not have been read yet."""
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
            data = b""  # the process ended without reading all that was sent
        if not data:
            self._selector.unregister(connection)
            return
        self._reader.feed(data)

    def _read_output(self, pipe: Any) -> None:
        data = pipe.read1(_CHUNK_BYTES) or b""
        if not data:
            self._selector.unregister(pipe)
        self._tail = (self._tail + data)[-_TAIL_BYTES:]

    def _close(self, connection: socket.socket) -> None:
        try:
            self._selector.unregister(connection)
        except KeyError:
            pass
        connection.close()


_TOKEN_BYTES = 8


class SocketListener:
    """A socket, named by the token that frames begin and end with: what writes to it by mistake does not know it."""

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
        """Return the folder, which no other process uses."""
        return str(self._folder.path)

    def close(self) -> None:
        """Stop listening, and remove the folder; accepted connections stay open."""
        self.socket.close()
        self._folder.remove()
