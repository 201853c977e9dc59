"""The one way to a terminal: colour only there, NO_COLOR heeded, and room for a table in a log."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from leakcheck.model.plain_text import plain
from leakcheck.reporters.escape import inert

_LOG_COLUMNS = 120


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; in a pipe or a file it is wide enough for the table, unless COLUMNS says otherwise."""
    # a file called :bug: is called that, and a table of all pictures is not loaded to find out
    console = Console(stderr=stderr, highlight=False, soft_wrap=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_COLUMNS
    console.push_render_hook(_PlainText())
    return console


class _PlainText(RenderHook):
    """Makes all text plain once more on its way out, for the one that somebody forgot: colours are no text."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_PlainRenderable(one) for one in renderables]


class _PlainRenderable:
    """Something to print, without a control character in its text."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self._inner, options):
            yield Segment(text if control else plain(text, keep_lines=True), style, control)


class CiSafeStream(io.TextIOBase):
    """A text stream that passes whole lines on, with the commands in them written out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of what is below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How what cannot be encoded is treated below; without it click would write past us."""
        return self._stream.errors

    @property
    def buffer(self) -> BinaryIO:
        """What is below, for bytes; all that was written before has been passed on to it."""
        self.release()
        return self._stream.buffer

    def write(self, text: str) -> int:
        """Pass on what is whole, and keep the line that has only begun. Raises TypeError for bytes."""
        if not isinstance(text, str):
            # click tries a stream with bytes, and takes one that has no objection for binary
            raise TypeError(f"a text stream takes str, not {type(text).__name__}")
        whole, end, begun = f"{self._begun}{text}".rpartition("\n")
        self._begun = begun
        if end:
            self._stream.write(inert(whole + end))
        return len(text)

    def flush(self) -> None:
        """Flush what is whole: half a line is not known to be harmless."""
        self._stream.flush()

    def release(self) -> None:
        """Pass on the last line, which has no end."""
        if self._begun:
            self._stream.write(inert(self._begun))
            self._begun = ""
        self._stream.flush()

    def isatty(self) -> bool:
        """Tell that nobody watches: in front of a person no runner reads along."""
        return False

    def fileno(self) -> int:
        """Return the descriptor below."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True


@contextmanager
def inert_streams() -> Iterator[None]:
    """Make what is printed meanwhile inert, but on a terminal, where a line may be half written for long."""
    out, err = sys.stdout, sys.stderr
    made = [stream if stream.isatty() else CiSafeStream(stream) for stream in (out, err)]
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        # a reader that went away has been put up with already, by a stand-in that is to stay
        if sys.stdout is made[0]:
            sys.stdout = out
        sys.stderr = err
        for stream in made:
            if isinstance(stream, CiSafeStream):
                with suppress(BrokenPipeError):
                    stream.release()
