"""The table that `leakcheck run` prints, and the sentences below it."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.terminal_theme import MONOKAI
from rich.text import Text

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.messages.answers import statuses
from leakcheck.reporters.messages.causes import CauseRow
from leakcheck.reporters.messages.cells import GATE_WORDS, gate_text, growth_text, p50_text, size_text, verdict_text
from leakcheck.reporters.messages.result import REASONS, TABLE_OF_A_RUN, result_statements, rows_of
from leakcheck.reporters.messages.run import RunFact, run_phrases, run_sentences

LEFT_OUT = TABLE_OF_A_RUN

_VERDICT_STYLES = {
    Verdict.CLEAN: "green",
    Verdict.LEAK: "bold red",
    Verdict.BOUNDED: "cyan",
    Verdict.INCONCLUSIVE: "yellow",
}
GATE_STYLES: Mapping[str, str] = {
    Gate.WITHIN: "green",
    Gate.OVER: "bold red",
    Gate.INCONCLUSIVE: "yellow",
    Gate.ERROR: "bold red",
}
_NUMBERS = frozenset({"runs", "growth / 1000 calls", "peak / call", "p50", "accepted", "measured", "change"})
_WIDTH_OF_OTHER_COLUMNS = 54
_WIDTH_FOR_ALL_COLUMNS = 100
_SVG_COLUMNS = 118
# rich's own template fetches its font from the network; this picture must not
_OFFLINE_FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def new_table(*, padding: int = 2, has_header: bool = True) -> Table:
    """Return a table without borders, as in all our reports."""
    return Table(box=None, pad_edge=False, padding=(0, padding, 0, 0), header_style="dim", show_header=has_header)


def table_of(*headers: str, foldable: int | None = None) -> Table:
    """Return a table with these columns, figures to the right, in which all columns or the first ones may be folded."""
    table = new_table()
    for number, header in enumerate(headers):
        is_rigid = foldable is not None and number >= foldable
        table.add_column(header, justify="right" if header in _NUMBERS else "left", overflow="fold", no_wrap=is_rigid)
    return table


@escape_arguments
def render_run(
    run: Run, folder: Path | None = None, *, page: Path | None = None, columns: int = _WIDTH_FOR_ALL_COLUMNS
) -> Iterator[RenderableType]:
    """Yield a run for a terminal of so many columns: the environment, the table, the sentences, the summary.

    The summary ends with the path of the HTML report, or else of the run document in `folder`.
    """
    if header := run_phrases(run, RunFact.ENVIRONMENT, RunFact.BASELINE):
        yield Text(" · ".join(header), style="dim")
        yield Text()
    if run.results:
        yield Padding(_table(run.results, columns), (0, 0, 0, 2 if columns >= _WIDTH_FOR_ALL_COLUMNS else 0))
        yield Text()
    paragraphs = [*(part for result in run.results for part in _explained(result)), *map(Text, run_sentences(run))]
    if paragraphs:
        yield from paragraphs
        yield Text()
    yield Text(_summary(run, page if page is not None or folder is None else folder / "run.json"))


def _table(results: Sequence[Result], columns: int) -> Table:
    is_wide = columns >= _WIDTH_FOR_ALL_COLUMNS
    table = new_table(padding=2 if is_wide else 1)
    longest_name = max(len(escape_control(result.id)) for result in results)
    name_width = max(1, min(longest_name, columns - _WIDTH_OF_OTHER_COLUMNS))
    table.add_column("scenario", overflow="fold", min_width=name_width)
    has_status = any(result.response_statuses for result in results)
    if has_status:
        table.add_column("status")
    table.add_column("verdict", no_wrap=True)
    table.add_column("growth / 1000 calls", justify="right", no_wrap=True)
    table.add_column("peak / call", justify="right", no_wrap=True)
    # a narrow terminal has no room for the latency, nor for the exceeded budgets: sentences below name those
    if is_wide:
        table.add_column("p50", justify="right", no_wrap=True)
    table.add_column("gate")
    for result in results:
        verdict_style = "" if result.growth is None else _VERDICT_STYLES[result.verdict]
        table.add_row(
            Text(escape_control(result.id)),
            *([statuses(result)] if has_status else []),
            Text(verdict_text(result), style=verdict_style),
            growth_text(result.growth),
            size_text(result.peak_bytes),
            *([p50_text(result)] if is_wide else []),
            Text(gate_text(result) if is_wide else GATE_WORDS[result.gate], style=GATE_STYLES[result.gate]),
        )
    return table


def _explained(result: Result) -> Iterator[RenderableType]:
    for form, statements in groupby(result_statements(result, LEFT_OUT), key=lambda statement: statement.form):
        if form == "row":
            yield Padding(_causes(rows_of(statements)), (0, 0, 0, 2))
        elif form == "detail":
            yield Padding(Text("\n".join(part.text for part in statements), style="dim"), (0, 0, 1, 4))
        else:
            for part in statements:
                is_reason = result.gate is not Gate.WITHIN and part.kind in REASONS
                yield Text(part.sentence, style="bold" if is_reason else "")


def _causes(rows: Iterable[CauseRow]) -> Table:
    table = new_table(has_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(Text(row.label), Text(row.where), Text(row.what))
    return table


def _summary(run: Run, file: Path | None) -> str:
    parts = run_phrases(run, RunFact.OUTCOME, RunFact.DURATION, RunFact.UNFINISHED)
    return escape_control(" · ".join([*parts, *([] if file is None else [str(file)])]))


@escape_arguments
def render_svg(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield one SVG picture of the terminal's output for a run."""
    console = Console(record=True, width=_SVG_COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    for part in render_run(run):
        console.print(part)
    title = escape_control(" ".join(run.command))
    yield "run.svg", console.export_svg(title=title, theme=MONOKAI, code_format=_OFFLINE_FORMAT).encode()
