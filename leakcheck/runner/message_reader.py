"""What a measured process says, taken apart: frames of JSON, each with the columns that belong to it.

The other end is `worker/channel.py`, which says why columns travel as raw 64-bit integers. Whatever else writes to
that connection does not know the token that a frame begins and ends with, so it is told apart from what we wrote.
"""

import json
import re
from array import array
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from leakcheck.scenario import replaced

_NUMBER_BYTES = 8
_SIZES_BYTES = 16
_MOST_BYTES = 64 * 1024 * 1024
"""No answer of ours is a tenth as long."""
_KEPT_BYTES = 200
_LARGEST = 1 << 60
"""A thousand of them, or the sum of two in an array of 64 bits, are still numbers."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_AS_IT_IS = "target"
"""A file's name may have bytes that are no text, and is opened by them."""


class MessageReader:
    """Bytes go in as they come, whole messages lie in `messages`."""

    def __init__(self, token: bytes) -> None:
        self.messages: deque[dict[str, Any]] = deque()
        self.foreign = b""
        """The beginning of what somebody else wrote; empty where nobody did."""
        self.broken = ""
        """Why a frame with our token holds no message; empty where each of them does."""
        self._begin, self._end = b"<" + token, b">" + token
        self._received = bytearray()

    def feed(self, data: bytes) -> None:
        """Take in what has come, whatever it is."""
        self._received += data
        while self._take():
            pass

    def forget_half(self) -> None:
        """Drop a message whose connection broke off in the middle: it is sent again, whole."""
        self._received.clear()

    def forgive(self) -> None:
        """Forget what others wrote."""
        self.foreign, self.broken = b"", ""

    def _take(self) -> bool:
        """Take one frame, or what is none, from the front; return whether there may be another."""
        received = self._received
        at = received.find(self._begin)
        if at != 0:
            self._set_apart(len(received) - self._begun() if at < 0 else at)
            if at < 0:
                return False
        head = len(self._begin) + _SIZES_BYTES
        if len(received) < head:
            return False
        sizes = bytes(received[len(self._begin) : head])
        text_end = head + int.from_bytes(sizes[:8], "little")
        end = text_end + int.from_bytes(sizes[8:], "little")
        if end > _MOST_BYTES:
            self.broken = self.broken or f"it has {end:,} bytes"
            del received[:head]
            return True
        if len(received) < end + len(self._end):
            return False
        if received[end : end + len(self._end)] != self._end:
            self._set_apart(head)  # somebody wrote in the middle of it
            return True
        try:
            self.messages.append(_message(bytes(received[head:text_end]), bytes(received[text_end:end])))
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError) as error:
            self.broken = self.broken or f"{type(error).__name__}: {error}"
        del received[: end + len(self._end)]
        return True

    def _begun(self) -> int:
        """Return how many bytes at the end may be the beginning of a frame."""
        lengths = range(min(len(self._begin) - 1, len(self._received)), 0, -1)
        return next((length for length in lengths if self._received.endswith(self._begin[:length])), 0)

    def _set_apart(self, length: int) -> None:
        if length and len(self.foreign) < _KEPT_BYTES:
            self.foreign += bytes(self._received[:length][: _KEPT_BYTES - len(self.foreign)])
        del self._received[:length]


def _message(line: bytes, columns: bytes) -> dict[str, Any]:
    """Return one message. Raises ValueError, TypeError, LookupError or RecursionError for what is none."""
    text = line.decode()
    said: Any = json.loads(text, parse_float=_float, parse_int=_integer, parse_constant=_refused)
    if not isinstance(said, dict) or not isinstance(said.get("kind"), str):
        raise TypeError("a message is an object with a kind")
    message: dict[str, Any] = _replaced(said) if _SURROGATE.search(text) else said
    lengths = message.pop("lengths", ())
    if not all(isinstance(length, int) and length >= 0 for length in lengths):
        raise ValueError("a column has a length of 0 or more")
    if sum(lengths) * _NUMBER_BYTES != len(columns):
        raise ValueError("the columns are longer or shorter than they are said to be")
    if lengths:
        numbers = array("q", columns)
        message["block"] = _block(message, numbers.tolist(), lengths)
    return message


def _block(message: dict[str, Any], numbers: list[int], lengths: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a `model.Block`; the last column holds the latencies."""
    ends = list(accumulate(lengths))
    columns = [numbers[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    return {
        **message["seconds"],
        "readings": dict(zip(message["names"], columns[:-1], strict=True)),
        "latencies_ns": columns[-1],
        "calls": message["calls"],
    }


def _integer(digits: str) -> int:
    number = int(digits)
    if abs(number) > _LARGEST:
        raise ValueError("a number is larger than any that is measured")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not abs(number) <= _LARGEST:
        raise ValueError("a number is larger than any that is measured")
    return number


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _replaced(value: Any) -> Any:
    """Return the value with every letter replaced that no document can hold."""
    if isinstance(value, str):
        return replaced(value)
    if isinstance(value, list):
        return [_replaced(one) for one in value]
    if isinstance(value, dict):
        return {replaced(key): one if key == _AS_IT_IS else _replaced(one) for key, one in value.items()}
    return value
