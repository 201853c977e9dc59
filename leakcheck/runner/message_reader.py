"""Decode the messages of a measured process: frames of JSON, each followed by the columns that belong to it.

The other end is `worker/channel.py`, which explains why columns are sent as raw 64-bit integers. A frame begins and
ends with a token. Whatever else writes to the connection does not know it, and so can be told apart.
"""

import json
import re
from array import array
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from leakcheck.scenario import replace_surrogates

_NUMBER_BYTES = 8
_SIZES_BYTES = 16
_MOST_BYTES = 64 * 1024 * 1024
"""The largest frame: no answer is a tenth as long."""
_MOST_FOREIGN_BYTES = 200
_LARGEST = 1 << 60
"""The sum of two such numbers still fits into 64 bits, and the sum of a thousand into a float."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_VERBATIM_KEY = "target"
"""Its value names a file, which may have bytes that are no text, and is opened by them."""


class MessageReader:
    """Takes bytes as they come, and appends each whole message to `messages`."""

    def __init__(self, token: bytes) -> None:
        self.messages: deque[dict[str, Any]] = deque()
        self.foreign = b""
        """The beginning of what something else wrote to the connection; empty where nothing did."""
        self.broken = ""
        """Why a frame with the token holds no message; empty where every one does."""
        self._begin, self._end = b"<" + token, b">" + token
        self._received = bytearray()

    def feed(self, data: bytes) -> None:
        """Decode what has come, whatever it is."""
        self._received += data
        while self._take_frame():
            pass

    def discard_partial(self) -> None:
        """Drop a message whose connection was closed in the middle: it is sent again, whole."""
        self._received.clear()

    def discard_foreign(self) -> None:
        """Clear `foreign` and `broken`."""
        self.foreign, self.broken = b"", ""

    def _take_frame(self) -> bool:
        """Take one frame, or foreign bytes, from the front; return whether there may be another frame."""
        received = self._received
        start = received.find(self._begin)
        if start != 0:
            self._take_foreign(len(received) - self._partial_begin_length() if start < 0 else start)
            if start < 0:
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
            self._take_foreign(head)  # something else wrote in the middle of the frame
            return True
        try:
            self.messages.append(_message(bytes(received[head:text_end]), bytes(received[text_end:end])))
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError) as error:
            self.broken = self.broken or f"{type(error).__name__}: {error}"
        del received[: end + len(self._end)]
        return True

    def _partial_begin_length(self) -> int:
        """Return how many bytes at the end may be the beginning of a frame."""
        lengths = range(min(len(self._begin) - 1, len(self._received)), 0, -1)
        return next((length for length in lengths if self._received.endswith(self._begin[:length])), 0)

    def _take_foreign(self, length: int) -> None:
        if length and len(self.foreign) < _MOST_FOREIGN_BYTES:
            self.foreign += bytes(self._received[:length][: _MOST_FOREIGN_BYTES - len(self.foreign)])
        del self._received[:length]


def _message(line: bytes, columns: bytes) -> dict[str, Any]:
    """Return a message. Raises ValueError, TypeError, LookupError or RecursionError for data that is none."""
    text = line.decode()
    decoded: Any = json.loads(
        text,
        parse_float=lambda digits: _checked(float(digits)),
        parse_int=lambda digits: _checked(int(digits)),
        parse_constant=_refused,
    )
    if not isinstance(decoded, dict) or not isinstance(decoded.get("kind"), str):
        raise TypeError("a message is an object that has a kind")
    message: dict[str, Any] = _replaced(decoded) if _SURROGATE.search(text) else decoded
    lengths = message.pop("lengths", ())
    if not all(isinstance(length, int) and length >= 0 for length in lengths):
        raise ValueError("a column has a length of 0 or more")
    if sum(lengths) * _NUMBER_BYTES != len(columns):
        raise ValueError("the columns do not have the stated length")
    if lengths:
        numbers = array("q", columns)
        message["block"] = _block(message, numbers.tolist(), lengths)
    return message


def _block(message: dict[str, Any], numbers: list[int], lengths: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a `model.answers.Block`; the last column holds the latencies."""
    ends = list(accumulate(lengths))
    columns = [numbers[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    return {
        **message["seconds"],
        "readings": dict(zip(message["names"], columns[:-1], strict=True)),
        "latencies_ns": columns[-1],
        "calls": message["calls"],
    }


def _checked(number: float) -> float:
    if not abs(number) <= _LARGEST:  # NaN too
        raise ValueError("a number is impossibly large")
    return number


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _replaced(value: Any) -> Any:
    """Return the value with every character replaced that a document cannot hold."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_replaced(item) for item in value]
    if isinstance(value, dict):
        return {
            replace_surrogates(key): item if key == _VERBATIM_KEY else _replaced(item) for key, item in value.items()
        }
    return value
