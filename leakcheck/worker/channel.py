"""The connection from the measured process to the runner: frames over a local socket.

A frame is `<TOKEN`, the length of the JSON and of the columns (8 bytes each), the JSON, the columns and `>TOKEN`. The
token is the socket's name. The user's code may write to any descriptor, but does not know the token, so what it writes
is never taken for a frame. Columns of numbers are sent as raw 64-bit integers. As JSON they would pass through buffers
of ever new sizes, which malloc keeps in its thread cache and counts as in use: kilobytes of growth that are not the
user's. A request from the runner is a line of JSON.

The user's code may also close the descriptor, fork, or patch what is called here. So the channel remembers which socket
it opened, opens it again by its path when it is gone, sends nothing from a forked child, and keeps references to the
functions that it needs.
"""

import _socket
import json
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_REQUEST_BYTES = 400
"""Requests are short, and pymalloc, not malloc, serves a buffer of up to 512 bytes."""

# `_socket.socket`, not `socket.socket`: that is a Python class, which tools that block the network in tests patch


def _encoder() -> Callable[[Any], str]:
    """Return json's encoder, in C where there is one: json's Python functions may be patched."""
    make_encoder: Any = vars(json.encoder)["c_make_encoder"]
    if make_encoder is None:
        return json.JSONEncoder().encode
    encode = make_encoder(None, _refuse, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True)
    return lambda message: "".join(encode(message, 0))


def _decoder() -> Callable[[str], Any]:
    scan: Any = vars(json.JSONDecoder())["scan_once"]
    return lambda text: scan(text, 0)[0]


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is nothing to answer with")


_encode, _decode = _encoder(), _decoder()


class Channel:
    """A connection to the runner that survives `os.closerange`."""

    def __init__(self, path: str) -> None:
        self._path = path
        token = path.rpartition("/")[2].encode()
        self._begin, self._end = b"<" + token, b">" + token
        self._pid = os.getpid()
        self._connect()

    def _connect(self) -> None:
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.connect(self._path)
        self._inode = os.fstat(self._socket.fileno()).st_ino
        self._rest = b""

    def _reconnect_if_closed(self) -> None:
        """Connect again when the user's code has closed our descriptor or reused its number."""
        if os.getpid() != self._pid:
            os._exit(0)  # a forked child has returned into our loop: it is not the measured process
        if not self._is_ours():
            self._socket.detach()  # never close it: the number may be a file of the user's by now
            self._connect()
        else:
            os.set_blocking(self._socket.fileno(), True)

    def _is_ours(self) -> bool:
        try:
            return os.fstat(self._socket.fileno()).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection, in a process that goes on without it."""
        if self._is_ours():
            self._socket.close()
        else:
            self._socket.detach()

    def send(self, kind: str, *, columns: Sequence[tuple["array[int]", int]] = (), **fields: Any) -> None:
        """Send a message, with the given number of values from the start of each column.

        Raises OSError when the runner is gone.
        """
        self._reconnect_if_closed()
        lengths = [length for _, length in columns]
        text = _encode({"kind": kind, "lengths": lengths, **fields}).encode()
        sizes = len(text).to_bytes(8, "little") + (8 * sum(lengths)).to_bytes(8, "little")
        try:
            self._send(sizes, text, columns)
        except OSError:
            # the user's code has shut the socket down: send the same message on a new one
            self._socket.close()
            self._connect()
            self._send(sizes, text, columns)

    def _send(self, sizes: bytes, text: bytes, columns: Sequence[tuple["array[int]", int]]) -> None:
        self._socket.sendall(self._begin + sizes)
        self._socket.sendall(text)
        for numbers, length in columns:
            self._socket.sendall(memoryview(numbers)[:length])
        self._socket.sendall(self._end)

    def receive(self) -> dict[str, Any] | None:
        """Return the runner's next request; None when the runner is gone."""
        self._reconnect_if_closed()
        while b"\n" not in self._rest:
            try:
                data = self._socket.recv(_REQUEST_BYTES)
            except OSError:
                return None
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = _decode(line.decode())
        return message
