"""A run as Markdown for GitHub: a headline, a table, and an explanation of each scenario that does not pass.

Foreign text is put in code, where no `@name` notifies anybody, no `#12` refers to an issue and no `<b>`
is bold. Characters that could end a code span or a cell are written as entities (`&#124;`), since parsers
disagree about a backslash before a pipe. Longer texts are blocks of HTML.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from leakcheck.model.plain_text import escape_control, shorten
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import escape_arguments, escape_ci_commands
from leakcheck.reporters.messages import cells
from leakcheck.reporters.messages.answers import statuses
from leakcheck.reporters.messages.baseline import change_text
from leakcheck.reporters.messages.result import TABLE_OF_A_RUN, lines_of, result_statements, worst_first
from leakcheck.reporters.messages.run import RunFact, run_phrases, run_sentences

LEFT_OUT = TABLE_OF_A_RUN

MOST_BYTES_OF_A_COMMENT = 65_536 - 1
"""GitHub's limit is in characters, and a text never has more of them than bytes."""
_BYTES_FOR_TRUNCATION_NOTE = 400
_COLUMNS = 100
_NUMBERS = frozenset({"growth / 1000 calls", "budget", "peak / call", "p50"})
_LONGEST_NAME, _LONGEST_LINE = 200, 2000
_SAFE_IN_BACKTICKS = re.compile(r"(?!.*##\w*\[)[^`|\s]([^`|]*[^`|\s])?")
_PLAIN_WORDS = re.compile(r"\(?[A-Za-z]+\)?( \(?[A-Za-z]+\)?)*")
_PUNCTUATION = re.compile(r"[^\w ]|_")


@escape_arguments
def markdown(run: Run, *, most_bytes: int = MOST_BYTES_OF_A_COMMENT) -> Iterator[tuple[str, bytes]]:
    """Yield one document of at most so many bytes, truncated between scenarios with a note; none where that fails."""
    results = worst_first(run.results)
    to_explain = [result for result in results if result.gate is not Gate.WITHIN]
    compared = run.baseline is not None or any(result.baseline_changes or result.is_new for result in results)
    has_status = any(result.response_statuses for result in results)
    top = [
        f"## leakcheck: {', '.join(run_phrases(run, RunFact.OUTCOME, RunFact.UNFINISHED))}\n\n",
        *(_table_head(compared, has_status) if results else []),
    ]
    foot = f"\n{_foot(run)}\n"
    room = most_bytes - _size(*top, foot) - _BYTES_FOR_TRUNCATION_NOTE
    if room < 0:
        return
    rows, room = _fitting([_row(result, compared, has_status) for result in results], room)
    explained, room = _fitting([_explanation(result, result is results[0]) for result in to_explain], room)
    notes, room = _fitting(_run_notes(run), room)
    truncation = ""
    if len(rows) < len(results) or len(explained) < len(to_explain):
        truncation = (
            f"\nNo more fits here: the table shows {len(rows)} of {len(results)} scenarios, and {len(explained)} of "
            f"the {len(to_explain)} that do not pass are explained. "
            "The log and the run's folder hold them all.\n"
        )
    yield "leakcheck.md", "".join([*top, *rows, *explained, *notes, truncation, foot]).encode()


def code_span(text: str) -> str:
    """Return foreign text as a code span that is valid in a table cell, too; 200 characters at most."""
    name = shorten(escape_control(text), _LONGEST_NAME)
    if _SAFE_IN_BACKTICKS.fullmatch(name):
        return f"`{name}`"
    return f"<code>{_PUNCTUATION.sub(lambda match: f'&#{ord(match[0])};', name)}</code>"


def block(lines: Sequence[str]) -> str:
    """Return foreign lines as a block of preformatted HTML, to follow an empty line."""
    return f"<pre>{escape_html(chr(10).join(shorten(line, _LONGEST_LINE) for line in lines))}</pre>\n"


def escape_html(text: str) -> str:
    """Return text for a block of HTML, where Markdown is not parsed, without commands to a CI runner."""
    return escape_ci_commands(escape(text, quote=False), "&#{};")


def _table_head(compared: bool, has_status: bool) -> Iterator[str]:
    columns = ["scenario", *(["status"] if has_status else []), "verdict", "growth / 1000 calls", "budget"]
    columns += ["peak / call", "p50", "gate", *(["against the baseline"] if compared else [])]
    yield f"| {' | '.join(columns)} |\n"
    yield f"| {' | '.join('---:' if column in _NUMBERS else ':---' for column in columns)} |\n"


def _row(result: Result, compared: bool, has_status: bool) -> str:
    row = [
        code_span(result.id),
        *([statuses(result)] if has_status else []),
        cells.verdict_text(result),
        cells.growth_text(result.growth),
        cells.budget_text(result.budget),
        cells.size_text(result.peak_bytes),
        cells.p50_text(result),
        _gate(result),
    ]
    row += [_changes(result)] if compared else []
    return f"| {' | '.join(row)} |\n"


def _gate(result: Result) -> str:
    gate, reasons = cells.GATE_WORDS[result.gate], cells.gate_reasons(result)
    gate = gate if result.gate is Gate.WITHIN else f"**{gate}**"
    texts = (text if _PLAIN_WORDS.fullmatch(text) else code_span(text) for text in reasons.split(", "))
    return f"{gate} {', '.join(texts)}" if reasons else gate


def _changes(result: Result) -> str:
    if result.is_new:
        return "NEW"
    return "<br>".join(code_span(change_text(change)) for change in result.baseline_changes) or "-"


def _explanation(result: Result, is_open: bool) -> str:
    lines = [part for line in lines_of(result_statements(result, LEFT_OUT)) for part in _wrapped(line)]
    name, gate = (
        escape_html(shorten(escape_control(text), _LONGEST_NAME)) for text in (result.id, cells.gate_text(result))
    )
    return (
        f"\n<details{' open' if is_open else ''}>\n<summary><code>{name}</code>: {gate}</summary>\n\n"
        f"{block(lines)}\n</details>\n"
    )


def _wrapped(line: str) -> list[str]:
    """Return a sentence wrapped to need no scrolling; a row of a table (it is indented) is not wrapped."""
    return textwrap.wrap(line, _COLUMNS, break_long_words=False, break_on_hyphens=False) if line[:1] != " " else [line]


def _run_notes(run: Run) -> list[str]:
    lines = [part for sentence in run_sentences(run) for part in _wrapped(sentence)]
    return [f"\n{block(lines)}"] if lines else []


def _foot(run: Run) -> str:
    foreign = map(code_span, run_phrases(run, RunFact.ENVIRONMENT, RunFact.BASELINE))
    return " · ".join([*foreign, *run_phrases(run, RunFact.DURATION)])


def _fitting(parts: Sequence[str], room: int) -> tuple[list[str], int]:
    """Return the parts up to the first that does not fit, and the bytes that are left; 0 where one did not fit."""
    fitting: list[str] = []
    for part in parts:
        if _size(part) > room:
            return fitting, 0
        room -= _size(part)
        fitting.append(part)
    return fitting, room


def _size(*parts: str) -> int:
    return sum(len(part.encode()) for part in parts)
