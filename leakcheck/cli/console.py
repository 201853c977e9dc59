"""Consoles and streams for terminals and logs; nothing that they print is obeyed by a terminal or a CI runner."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from leakcheck.model.plain_text import escape_control
from leakcheck.reporters.escape import escape_ci_commands

_LOG_COLUMNS = 120


def make_console(*, stderr: bool = False) -> Console:
    """Return a console. In a pipe or a file it is wide enough for the table, unless COLUMNS is set."""
    # emoji=False: a file may be called :bug:, and a table of all emoji is not loaded to find out
    console = Console(stderr=stderr, highlight=False, soft_wrap=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_COLUMNS
    console.push_render_hook(_PlainText())
    return console


class _PlainText(RenderHook):
    """Escapes control characters in all text that is printed, in case a reporter forgot to; colours are kept."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_PlainRenderable(renderable) for renderable in renderables]


class _PlainRenderable:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self._inner, options):
            yield Segment(text if control else escape_control(text, keep_lines=True), style, control)


class CiSafeStream(io.TextIOBase):
    """A text stream that passes on whole lines, with the commands of CI runners in them escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._partial = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The error handler of the stream below; without this attribute click would write to that stream itself."""
        return self._stream.errors

    @property
    def buffer(self) -> BinaryIO:
        """The stream below, for bytes; all text that was written before has been passed on to it."""
        self.release()
        return self._stream.buffer

    def write(self, text: str) -> int:
        """Pass on the whole lines and keep the last, partial one. Raises TypeError for bytes."""
        if not isinstance(text, str):
            # click writes bytes to find out whether a stream is binary
            raise TypeError(f"a text stream takes str, not {type(text).__name__}")
        whole, end, partial = f"{self._partial}{text}".rpartition("\n")
        self._partial = partial
        if end:
            self._stream.write(escape_ci_commands(whole + end))
        return len(text)

    def flush(self) -> None:
        """Flush the whole lines: the rest of a partial line may make a command of it."""
        self._stream.flush()

    def release(self) -> None:
        """Pass on the last line, which is not ended."""
        if self._partial:
            self._stream.write(escape_ci_commands(self._partial))
            self._partial = ""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True


@contextmanager
def ci_safe_streams() -> Iterator[None]:
    """Escape the commands of CI runners in all output; not on a terminal, where a partial line may stay for long."""
    out, err = sys.stdout, sys.stderr
    streams = [stream if stream.isatty() else CiSafeStream(stream) for stream in (out, err)]
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        # click has replaced stdout if its reader went away; that stream must stay
        if sys.stdout is streams[0]:
            sys.stdout = out
        sys.stderr = err
        for stream in streams:
            if isinstance(stream, CiSafeStream):
                with suppress(BrokenPipeError):
                    stream.release()
