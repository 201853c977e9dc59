"""The terminal's table as a picture, for a README or a slide."""

import io
import re
from collections.abc import Iterator

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI

from leakcheck.model import Run
from leakcheck.reporters.plain import plain, plainly
from leakcheck.reporters.terminal import render_run

_COLUMNS = 118
# rich's own template fetches its font from the network; a picture of ours asks nobody
_OFFLINE_FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


@plainly
def draw(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield one SVG that shows what the terminal shows of a run."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    for part in render_run(run):
        console.print(part)
    title = plain(" ".join(run.command))
    yield "run.svg", console.export_svg(title=title, theme=MONOKAI, code_format=_OFFLINE_FORMAT).encode()
