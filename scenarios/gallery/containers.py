"""Containers that grow without bound, and containers that only look like it.

A list, a dict or a class-level registry that nothing ever empties is the leak most programs have.
The look-alikes have a limit, a day of clearing out, or a peak that does not last.
"""

import itertools
from collections import deque
from hashlib import pbkdf2_hmac

from leakcheck.scenario import scenario

NUMBERS = itertools.count()
OBJECTS: list[object] = []
ROWS: list[bytes] = []
REQUESTS: dict[int, bytes] = {}
RECENT: deque[bytes] = deque(maxlen=2000)
BY_CUSTOMER: dict[int, bytes] = {}
BATCH: list[bytes] = []
TRACE: list[bytes] = []
HISTORY: list[bytes] = []
ERRORS: list[bytes] = []
SIGNATURES: list[object] = []
GOLDEN_RATIO = 0.6180339887498949


@scenario
def object_per_call() -> None:
    """Leak the smallest thing there is."""
    OBJECTS.append(object())


@scenario
def list_append() -> None:
    """Keep every row that was ever read."""
    ROWS.append(bytes(1000))


@scenario
def dict_by_request_id() -> None:
    """File each request under its number and never take one out."""
    REQUESTS[next(NUMBERS)] = bytes(2000)


class Plugin:
    """Every instance registers itself with its class, as plugin systems do."""

    instances: list["Plugin"] = []  # noqa: RUF012 - the shared mutable is the point

    def __init__(self, name: str) -> None:
        self.name = name
        Plugin.instances.append(self)


@scenario
def class_registry() -> None:
    """Make a short-lived object of a class that remembers all of them."""
    Plugin("short-lived")


class Node:
    """One link of a chain."""

    __slots__ = ("payload", "previous")

    def __init__(self, previous: "Node | None") -> None:
        self.previous = previous
        self.payload = bytes(100)


class Chain:
    """Its last node keeps all the others; no container here has a length that rises."""

    last: Node | None = None


@scenario
def linked_list() -> None:
    """Chain each node to the one before."""
    Chain.last = Node(Chain.last)


class Journal:
    """A text that is only ever added to; one object, whose size rises."""

    text = ""


class Store:
    """Rows in one buffer that is doubled when it is full, as a vector in C++ and many a native arena are."""

    def __init__(self, largest_bytes: int | None = None) -> None:
        self.buffer = bytearray(1024)
        self.used = 0
        self.largest_bytes = largest_bytes

    def add(self, row: bytes) -> None:
        """Put a row behind the others, or over the oldest ones where the store may not become larger."""
        if self.used + len(row) > len(self.buffer):
            if self.largest_bytes is not None and len(self.buffer) >= self.largest_bytes:
                self.used = 0
            else:
                self.buffer = self.buffer + bytes(len(self.buffer))
        self.buffer[self.used : self.used + len(row)] = row
        self.used += len(row)


EVER_LARGER = Store()
OVERWRITTEN = Store(largest_bytes=256 * 1024)


@scenario
def store_that_doubles() -> None:
    """Add a row to a store that stands still for as long as it took to get there, and then doubles."""
    EVER_LARGER.add(bytes(100))


@scenario
def store_that_overwrites() -> None:
    """Add a row to a store that doubles until it holds 256 KiB, and then begins anew."""
    OVERWRITTEN.add(bytes(100))


@scenario
def growing_string() -> None:
    """Add a line of 32 characters to a journal."""
    Journal.text += "one line of thirty-two letters.\n"


@scenario
def sparse_leak() -> None:
    """Keep 5 KB, but in 2 % of the calls only, at uneven distances of 34, 55 and 89 calls."""
    if next(NUMBERS) * GOLDEN_RATIO % 1 < 0.02:
        ERRORS.append(bytes(5000))


@scenario
def dear_leak() -> None:
    """Work for about a millisecond, then leak the smallest thing there is."""
    pbkdf2_hmac("sha256", b"password", b"salt", 1500)
    SIGNATURES.append(object())


@scenario
def sawtooth_hides_leak() -> None:
    """Fill a batch and send it off every 1000 calls, and keep 67 bytes of each call beneath it."""
    BATCH.append(bytes(1500))
    if len(BATCH) == 1000:
        BATCH.clear()
    TRACE.append(bytes(67))


@scenario
def sawtooth_alone() -> None:
    """Fill a batch and send it off every 1000 calls; nothing else."""
    BATCH.append(bytes(1500))
    if len(BATCH) == 1000:
        BATCH.clear()


@scenario
def deque_with_maxlen() -> None:
    """Remember the latest 2000; a straight line that ends."""
    RECENT.append(bytes(200))


@scenario
def dict_of_bounded_keys() -> None:
    """Meet 3000 customers in turn; the table doubles now and then, and then no more."""
    customer = next(NUMBERS) % 3000
    BY_CUSTOMER[customer] = bytes(100)


@scenario
def grown_then_trimmed() -> None:
    """Let a history grow to 750 entries, then cut it back to 500, forever."""
    HISTORY.append(bytes(300))
    if len(HISTORY) > 750:
        del HISTORY[:250]


@scenario
def big_transient_peak() -> None:
    """Need 4 MB for a moment and give them back."""
    page = b"x" * 4_000_000
    page.count(b"y", 0, 1000)
