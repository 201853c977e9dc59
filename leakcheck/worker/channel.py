"""The line between the measured process and the engine: JSON, a line a message, over a local socket.

Columns of numbers follow their line as raw 64-bit integers. As JSON they would pass through
buffers of ever new sizes, which malloc keeps in its thread cache and counts as in use: kilobytes
of growth that are ours and not the user's.

The user's code may close the descriptor under our feet, or fork. So the line knows which socket it
opened, opens it again by its path when that one is gone, and is silent in a forked child.
"""

import json
import os
import socket
from array import array
from collections.abc import Sequence
from typing import Any

_REQUEST_BYTES = 400
"""Requests are short, and a buffer of up to 512 bytes leaves no trace in malloc."""


class Channel:
    """A connection to the engine that survives `os.closerange`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pid = os.getpid()
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(self._path)
        self._inode = os.fstat(self._socket.fileno()).st_ino
        self._rest = b""

    def _mend(self) -> None:
        """Connect anew when the user's code closed our descriptor, or put its own in its place."""
        if os.getpid() != self._pid:
            os._exit(0)  # a forked child came back into the loop: it is not the one being measured
        if not self._is_ours():
            self._socket.detach()  # never close it: the number may be the user's file by now
            self._connect()

    def _is_ours(self) -> bool:
        try:
            return os.fstat(self._socket.fileno()).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Hang up; for a process that goes on afterwards."""
        if self._is_ours():
            self._socket.close()
        else:
            self._socket.detach()

    def send(self, kind: str, *, columns: Sequence[tuple["array[int]", int]] = (), **fields: Any) -> None:
        """Send one message, and the first so many numbers of each column. Raises OSError when the engine is gone."""
        self._mend()
        lengths = [length for _, length in columns]
        self._socket.sendall(json.dumps({"kind": kind, "lengths": lengths, **fields}).encode() + b"\n")
        for numbers, length in columns:
            self._socket.sendall(memoryview(numbers)[:length])

    def receive(self) -> dict[str, Any] | None:
        """Return the engine's next message, or None when the engine is gone."""
        self._mend()
        while b"\n" not in self._rest:
            try:
                data = self._socket.recv(_REQUEST_BYTES)
            except OSError:
                return None
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
