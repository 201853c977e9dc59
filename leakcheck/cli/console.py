"""The one way to a terminal: colour only there, NO_COLOR heeded, and room for a table in a log."""

import os
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from leakcheck.reporters.plain import plain

_LOG_COLUMNS = 120


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; in a pipe or a file it is wide enough for the table, unless COLUMNS says otherwise."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_COLUMNS
    console.push_render_hook(_PlainText())
    return console


class _PlainText(RenderHook):
    """Makes all text plain once more on its way out, for the one that somebody forgot: colours are no text."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Plain(one) for one in renderables]


class _Plain:
    """Something to print, without a control character in its text."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self._inner, options):
            yield Segment(text if control else plain(text, keep_lines=True), style, control)
