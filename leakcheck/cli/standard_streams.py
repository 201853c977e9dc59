"""Standard output and error that never fail: closed, full, read by nobody any more, or without a word for a letter.

What a run is worth does not hang on who reads along. A reader that went away is put up with; what else is wrong with
standard output is remembered, and told in the end.
"""

import codecs
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_ERRORS = "leakcheck.replace"
_GONE = (errno.EPIPE, errno.ECONNRESET, errno.EIO)
"""The reader ended, or the terminal was closed."""
_ASCII = {"±": "+-", "·": "-", "…": "...", "×": "x", "→": "->", "–": "-", "µ": "u", "≥": ">=", "≤": "<="}


class _Descriptor(io.RawIOBase):
    """A descriptor whose failure is remembered instead of raised; after the first nothing is written any more."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.failed: OSError | None = None

    def write(self, data: Any) -> int:
        """Return how much was written, or that all was where nothing can be."""
        size = memoryview(data).nbytes
        while self.failed is None:
            try:
                return os.write(self._number, data)
            except BlockingIOError:
                select.select((), (self._number,), ())  # whoever shares it wants it so
            except OSError as error:
                self.failed = error
        return size

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """Tell that it may be written to."""
        return True


class StreamStatus:
    """What became of standard output."""

    def __init__(self) -> None:
        self.descriptors: list[_Descriptor] = []

    @property
    def failure(self) -> str:
        """Return why standard output could not be written; "" where it could, or where its reader ended."""
        failed = next((one.failed for one in self.descriptors if one.fileno() == 1), None)
        return "" if failed is None or failed.errno in _GONE else os.strerror(failed.errno or 0)


@contextmanager
def standing_streams() -> Iterator[StreamStatus]:
    """Put streams that never fail into the place of standard output and error, for the rest of the process."""
    _open_what_is_closed()
    codecs.register_error(_ERRORS, _replace)
    standing = StreamStatus()
    sys.stdout = _standing(sys.stdout, standing)
    sys.stderr = _standing(sys.stderr, standing)
    try:
        yield standing
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def _open_what_is_closed() -> None:
    """Open the null device in the place of each that was closed: the next file would else get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _standing(stream: TextIO | None, standing: StreamStatus) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives
    try:
        number = stream.fileno()
        stream.flush()
    except (OSError, ValueError):  # no descriptor, as a test tool has it
        return stream
    descriptor = _Descriptor(number)
    standing.descriptors.append(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor),
        encoding=stream.encoding,
        errors=_ERRORS,
        line_buffering=descriptor.isatty() or number == 2,
    )


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding has no letter for with those that every encoding has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_ASCII.get(letter, "?") for letter in letters), error.end
