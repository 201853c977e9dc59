"""Standard output and error that never fail, even if closed, full, no longer read, or in a narrow encoding.

A run must not be lost because its output cannot be printed. A reader that went away is ignored; any other error of
standard output is remembered, and reported at the end.
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

_ERROR_HANDLER = "leakcheck.replace"
_GONE = (errno.EPIPE, errno.ECONNRESET, errno.EIO)
"""The reader went away, or the terminal was closed."""
_ASCII = {"±": "+-", "·": "-", "…": "...", "×": "x", "→": "->", "–": "-", "µ": "u", "≥": ">=", "≤": "<="}


class _Descriptor(io.RawIOBase):
    """A descriptor that remembers an error instead of raising it; after the first one it writes nothing more."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Return the number of bytes written; after an error, of all bytes."""
        size = memoryview(data).nbytes
        while self.error is None:
            try:
                return os.write(self._number, data)
            except BlockingIOError:
                select.select((), (self._number,), ())  # a process that shares it set it to non-blocking
            except OSError as error:
                self.error = error
        return size

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """Return True."""
        return True


class StreamStatus:
    """Whether standard output could be written."""

    def __init__(self) -> None:
        self.descriptors: list[_Descriptor] = []

    @property
    def failure(self) -> str:
        """Return why standard output could not be written; "" if it could, or if only its reader went away."""
        error = next((descriptor.error for descriptor in self.descriptors if descriptor.fileno() == 1), None)
        return "" if error is None or error.errno in _GONE else os.strerror(error.errno or 0)


@contextmanager
def robust_streams() -> Iterator[StreamStatus]:
    """Replace standard output and error by streams that never fail, for the rest of the process."""
    _open_closed_descriptors()
    codecs.register_error(_ERROR_HANDLER, _replace)
    status = StreamStatus()
    sys.stdout = _robust(sys.stdout, status)
    sys.stderr = _robust(sys.stderr, status)
    try:
        yield status
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def _open_closed_descriptors() -> None:
    """Open the null device for each that is closed: the next file to be opened would otherwise get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _robust(stream: TextIO | None, status: StreamStatus) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives
    try:
        number = stream.fileno()
        stream.flush()
    except (OSError, ValueError):  # a stream without a descriptor, as test tools use
        return stream
    descriptor = _Descriptor(number)
    status.descriptors.append(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor),
        encoding=stream.encoding,
        errors=_ERROR_HANDLER,
        line_buffering=descriptor.isatty() or number == 2,
    )


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks by ASCII ones. An error handler for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(_ASCII.get(character, "?") for character in characters), error.end
