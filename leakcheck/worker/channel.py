"""The line between the measured process and the engine: frames of JSON over a local socket.

A frame is `<TOKEN`, the length of the JSON and of the columns (8 bytes each), the JSON, the columns and `>TOKEN`. The
user's code may write to any descriptor; it does not know the token, which names the socket, so what it writes is no
frame. Columns of numbers travel as raw 64-bit integers. As JSON they would pass through buffers of ever new sizes,
which malloc keeps in its thread cache and counts as in use: kilobytes of growth that are ours and not the user's.
What the engine asks is a line of JSON.

The user's code may also close the descriptor under our feet, fork, or patch what we call. So the line knows which
socket it opened, opens it again by its path when that one is gone, is silent in a forked child, and holds on to the
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
"""Requests are short, and a buffer of up to 512 bytes leaves no trace in malloc."""

# not `socket.socket`, which is Python and gets patched: test tools keep tests from the network by it


def _encoder() -> Callable[[Any], str]:
    """Return what makes JSON of a message; where there is one in C, no Python of json's, which may be patched."""
    make: Any = vars(json.encoder)["c_make_encoder"]
    if make is None:
        return json.JSONEncoder().encode
    encode = make(None, _refuse, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True)
    return lambda message: "".join(encode(message, 0))


def _decoder() -> Callable[[str], Any]:
    """Return what reads the engine's JSON, as above."""
    scan: Any = vars(json.JSONDecoder())["scan_once"]
    return lambda text: scan(text, 0)[0]


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is nothing to answer with")


_encode, _decode = _encoder(), _decoder()


class Channel:
    """A connection to the engine that survives `os.closerange`."""

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

    def _mend(self) -> None:
        """Connect anew when the user's code closed our descriptor, or put its own in its place."""
        if os.getpid() != self._pid:
            os._exit(0)  # a forked child came back into the loop: it is not the one being measured
        if not self._is_ours():
            self._socket.detach()  # never close it: the number may be the user's file by now
            self._connect()
        else:
            os.set_blocking(self._socket.fileno(), True)

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
        text = _encode({"kind": kind, "lengths": lengths, **fields}).encode()
        sizes = len(text).to_bytes(8, "little") + (8 * sum(lengths)).to_bytes(8, "little")
        try:
            self._send(sizes, text, columns)
        except OSError:
            # the user's code shut it down: the same message, on a new connection
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
        message: dict[str, Any] = _decode(line.decode())
        return message
