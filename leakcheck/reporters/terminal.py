"""The table that a person reads in five seconds, and the sentences below it."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.terminal_theme import MONOKAI
from rich.text import Text

from leakcheck.model.plain_text import plain
from leakcheck.model.result import Growth, Latency, Result
from leakcheck.model.run import Environment, Run
from leakcheck.model.units import format_duration, format_size
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.escape import plainly
from leakcheck.reporters.messages.answers import answered_notes, statuses
from leakcheck.reporters.messages.baseline import is_excused, run_sentences
from leakcheck.reporters.messages.causes import causes, notes, unseen_words
from leakcheck.reporters.messages.memory_limit import served_sentences
from leakcheck.reporters.messages.resources import resource_sentences
from leakcheck.reporters.messages.run import (
    advice_lines,
    elsewhere_sentences,
    left_out_lines,
    shard_sentence,
    shard_words,
)
from leakcheck.reporters.messages.verdict import peak_left_out, sentences, unread

_VERDICT_STYLES = {
    Verdict.CLEAN: "green",
    Verdict.LEAK: "bold red",
    Verdict.BOUNDED: "cyan",
    Verdict.INCONCLUSIVE: "yellow",
}
_GATE_STYLES = {
    Gate.WITHIN: "green",
    Gate.OVER: "bold red",
    Gate.INCONCLUSIVE: "yellow",
    Gate.ERROR: "bold red",
}
_MOST_DETAIL_LINES = 12
_OTHER_COLUMNS = 54
_ROOM_FOR_ALL = 100
_UNKNOWN_BYTES = 1e14
"""Bounds this wide say that nothing is known."""


@plainly
def render_run(
    run: Run, folder: Path | None = None, *, page: Path | None = None, columns: int = _ROOM_FOR_ALL
) -> Iterator[RenderableType]:
    """Yield what a terminal of so many columns shows: where, the table, the sentences, the summary.

    The summary ends with the report's page, or else with the run document in its folder.
    """
    if run.environment is not None:
        where = environment_words(run.environment, run.baseline)
        yield Text(" · ".join(filter(None, (where, shard_words(run.shard)))), style="dim")
        yield Text()
    if run.results:
        yield Padding(_table(run.results, columns), (0, 0, 0, 2 if columns >= _ROOM_FOR_ALL else 0))
        yield Text()
    told = False
    for result in run.results:
        lines = (
            *sentences(result),
            *resource_sentences(result),
            *served_sentences(result),
            *answered_notes(result),
        )
        for line in lines:
            told = True
            yield Text(line, style="" if result.gate is Gate.WITHIN else "bold")
        yield from _causes(result)
        for line in advice_lines(result):
            told = True
            yield Padding(Text(f"advice  {line}"), (0, 0, 0, 2)) if lines else Text(f"{plain(result.id)}: {line}")
        for line in notes(result):
            told = True
            yield Text(line)
        yield from _details(result)
    if any(peak_left_out(result) for result in run.results):
        told = True
        yield Text(
            "The peaks were left out: there is no memray in the measured Python. Add it with: pip install memray"
        )
    for line in unread(run):
        told = True
        yield Text(line)
    for line in (*map(unseen_words, run.known_unseen), *run_sentences(run), *left_out_lines(run.left_out)):
        told = True
        yield Text(line)
    for line in elsewhere_sentences(run):
        told = True
        yield Text(line)
    if (line_of_shard := shard_sentence(run)) is not None:
        told = True
        yield Text(line_of_shard)
    if told:
        yield Text()
    yield Text(_summary(run, page if page is not None or folder is None else folder / "run.json"))


@plainly
def environment_words(environment: Environment, baseline: str | None = None) -> str:
    """Return where it was measured (`CPython 3.11.7 · glibc 2.36 · commit 5aaf40e01`)."""
    parts = [
        f"{environment.implementation.replace('cpython', 'CPython')} {environment.python}",
        environment.libc,
        environment.allocator if environment.allocator != "pymalloc" else "",
        f"commit {environment.git_commit[:9]}{' with changes' if environment.git_dirty else ''}"
        if environment.git_commit
        else "",
        f"compared with {baseline}" if baseline is not None else "",
    ]
    return plain(" · ".join(part for part in parts if part))


def _table(results: Sequence[Result], columns: int) -> Table:
    roomy = columns >= _ROOM_FOR_ALL
    table = Table(box=None, pad_edge=False, padding=(0, 2 if roomy else 1, 0, 0), header_style="dim")
    longest_name = max(len(plain(result.id)) for result in results)
    table.add_column("scenario", overflow="fold", min_width=max(1, min(longest_name, columns - _OTHER_COLUMNS)))
    asked = any(result.answered for result in results)
    if asked:
        table.add_column("status")
    table.add_column("verdict", no_wrap=True)
    table.add_column("growth / 1000 calls", justify="right", no_wrap=True)
    table.add_column("peak / call", justify="right", no_wrap=True)
    # on a narrow terminal whole names are worth more: the sentences below say which budgets are broken
    if roomy:
        table.add_column("p50", justify="right", no_wrap=True)
    table.add_column("gate")
    for result in results:
        measured = result.growth is not None
        verdict = Text(verdict_word(result), style=_VERDICT_STYLES[result.verdict] if measured else "")
        table.add_row(
            Text(plain(result.id)),
            *([statuses(result)] if asked else []),
            verdict,
            growth_words(result.growth),
            "-" if result.peak_bytes is None else format_size(result.peak_bytes),
            *([_latency(result.latency_seconds)] if roomy else []),
            Text(gate_words(result) if roomy else result.gate.value, style=_GATE_STYLES[result.gate]),
        )
    return table


def verdict_word(result: Result) -> str:
    """Return the verdict, or a dash where no growth was measured."""
    return "-" if result.growth is None else result.verdict.value


def growth_words(growth: Growth | None) -> str:
    """Return a growth with the wider of its bounds ("144 MiB ± 96 KiB")."""
    if growth is None:
        return "-"
    doubt = max(growth.high - growth.bytes_per_1000_calls, growth.bytes_per_1000_calls - growth.low)
    if doubt > _UNKNOWN_BYTES:
        return "unknown"
    return f"{format_size(growth.bytes_per_1000_calls)} ± {format_size(doubt)}"


def gate_words(result: Result) -> str:
    """Return the gate's answer, and the budgets that are broken, or why a broken one does not fail."""
    words = list(result.failures)
    if result.gate is Gate.WITHIN and any(leak.expired is None for leak in result.known):
        words.append("known leak")
    elif result.gate is Gate.WITHIN and is_excused(result):
        words.append("accepted")
    if result.is_new:
        words.append("NEW")
    return plain(f"{result.gate}  {', '.join(words)}".rstrip())


def _latency(latency: Latency | None) -> str:
    return "-" if latency is None else format_duration(latency.p50)


def _causes(result: Result) -> Iterator[RenderableType]:
    rows = list(causes(result))
    if not rows:
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(Text(row.label), Text(row.where), Text(row.what))
    yield Padding(table, (0, 0, 0, 2))


def _details(result: Result) -> Iterator[RenderableType]:
    trouble = result.trouble or result.peak_trouble
    if trouble is None or not trouble.details:
        return
    lines = plain(trouble.details, keep_lines=True).splitlines()[-_MOST_DETAIL_LINES:]
    yield Padding(Text("\n".join(lines), style="dim"), (0, 0, 1, 4))


def _summary(run: Run, file: Path | None) -> str:
    within = sum(result.gate is Gate.WITHIN for result in run.results)
    what = "budget" if run.baseline is None else "budget and baseline"
    parts = [f"{within} of {len(run.results)} within {what}", format_duration(run.duration_seconds)]
    if not run.finished:
        parts.append("not finished")
    if file is not None:
        parts.append(str(file))
    return plain(" · ".join(parts))


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
