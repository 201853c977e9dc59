"""What a measured process says, taken apart: lines of JSON, each with the columns that follow it.

The other end is `worker/channel.py`, which says why columns travel as raw 64-bit integers.
"""

import json
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import msgspec

from leakcheck.answers import Answered
from leakcheck.scenario import without_password

_NUMBER_BYTES = 8


def answered_of(told: object) -> tuple[Answered, ...]:
    """Return what requests were answered with; nothing where the process, which is the user's, tells no such thing."""
    try:
        seen = msgspec.convert(told, tuple[Answered, ...])
    except msgspec.ValidationError:
        return ()
    return tuple(replace(one, leads_to=one.leads_to and without_password(one.leads_to)) for one in seen)


class Inbox:
    """Bytes go in as they come, whole messages lie in `messages`."""

    def __init__(self) -> None:
        self.messages: deque[dict[str, Any]] = deque()
        self._received = b""

    def feed(self, data: bytes) -> None:
        """Take in what has come. Raises ValueError for what is no message."""
        self._received += data
        while (message := self._next()) is not None:
            self.messages.append(message)

    def forget_half(self) -> None:
        """Drop a message whose connection broke off in the middle: it is sent again, whole."""
        self._received = b""

    def _next(self) -> dict[str, Any] | None:
        line, found, rest = self._received.partition(b"\n")
        if not found:
            return None
        message: dict[str, Any] = json.loads(line)
        lengths = message.pop("lengths", ())
        needed = sum(lengths) * _NUMBER_BYTES
        if len(rest) < needed:
            return None
        numbers = array("q")
        numbers.frombytes(rest[:needed])
        self._received = rest[needed:]
        if lengths:
            message["block"] = _block(message, numbers.tolist(), lengths)
        return message


def _block(message: dict[str, Any], numbers: list[int], lengths: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a `model.Block`; the last column holds the latencies."""
    ends = list(accumulate(lengths))
    columns = [numbers[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    return {
        "readings": dict(zip(message["names"], columns[:-1], strict=True)),
        "latencies_ns": columns[-1],
        "calls": message["calls"],
        **message["seconds"],
    }
