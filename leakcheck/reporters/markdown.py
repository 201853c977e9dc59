"""A run as Markdown for GitHub: the answer, a table, and what there is to say of what is not within budget.

Whatever others wrote stands in code: there no `@name` notifies anybody, no `#12` refers to an issue and
no `<b>` is bold. A name that could end a code span, or a cell, is written in letters that Markdown does
not know (`&#124;`), since parsers disagree about a backslash before a pipe. Longer texts are blocks of HTML.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from leakcheck.model.plain_text import cut, plain
from leakcheck.model.result import Result
from leakcheck.model.run import Environment, Run
from leakcheck.model.units import format_duration, format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import inert, plainly
from leakcheck.reporters.messages.answers import statuses
from leakcheck.reporters.messages.result import GATE_WORDS, change_words, run_sentences, story, worst_first
from leakcheck.reporters.messages.run import elsewhere_sentences
from leakcheck.reporters.messages.verdict import budget_words, unread
from leakcheck.reporters.terminal import gate_words, growth_words, verdict_word

MOST_BYTES_OF_A_COMMENT = 65_536 - 1
"""GitHub counts characters; as many bytes are never more."""
_ROOM_FOR_LAST_WORDS = 400
_COLUMNS = 100
_NUMBERS = frozenset({"growth / 1000 calls", "budget", "peak / call", "p50"})
_LONGEST_NAME, _LONGEST_LINE = 200, 2000
_TAME = re.compile(r"(?!.*##\w*\[)[^`|\s]([^`|]*[^`|\s])?")
_WORDS = re.compile(r"[A-Za-z]+( [A-Za-z]+)*")
_PUNCTUATION = re.compile(r"[^\w ]|_")


@plainly
def markdown(run: Run, *, most_bytes: int = MOST_BYTES_OF_A_COMMENT) -> Iterator[tuple[str, bytes]]:
    """Yield one document of no more bytes than that, cut between scenarios and saying so; none without room."""
    results = worst_first(run.results)
    to_explain = [result for result in results if result.gate is not Gate.WITHIN]
    compared = run.baseline is not None or any(result.changes or result.is_new for result in results)
    asked = any(result.answered for result in results)
    top = [f"## leakcheck: {answer(run)}\n\n", *(_head(compared, asked) if results else [])]
    foot = f"\n{_foot(run)}\n"
    room = most_bytes - _size(*top, foot) - _ROOM_FOR_LAST_WORDS
    if room < 0:
        return
    rows, room = _fitting([_row(result, compared, asked) for result in results], room)
    told, room = _fitting([_told(result, result is results[0]) for result in to_explain], room)
    also, room = _fitting(_also(run), room)
    last = ""
    if len(rows) < len(results) or len(told) < len(to_explain):
        last = (
            f"\nNo more fits here: the table shows {len(rows)} of {len(results)} scenarios, and {len(told)} of the "
            f"{len(to_explain)} that are not within budget are explained. The log and the run's folder hold them all.\n"
        )
    yield "leakcheck.md", "".join([*top, *rows, *told, *also, last, foot]).encode()


def answer(run: Run) -> str:
    """Return what came out, in words (`of 6 scenarios, 2 are over budget, 4 are within budget`)."""
    gates = [result.gate for result in run.results]
    parts = [
        f"{count} {'is' if count == 1 else 'are'} {GATE_WORDS[gate]}"
        for gate in (Gate.OVER, Gate.ERROR, Gate.INCONCLUSIVE, Gate.WITHIN)
        if (count := gates.count(gate))
    ]
    said = f"of {len(gates)} scenarios, {', '.join(parts)}" if len(parts) > 1 else f"all {', '.join(parts)}"
    if len(gates) < 2:
        said = f"the scenario is {GATE_WORDS[gates[0]]}" if gates else "nothing was measured"
    return said if run.finished else f"{said}; the run was interrupted"


def code(text: str) -> str:
    """Return text of others as code that shows its plain form, in a table's cell too; the first 200 letters."""
    shown = cut(plain(text), _LONGEST_NAME)
    if _TAME.fullmatch(shown):
        return f"`{shown}`"
    return f"<code>{_PUNCTUATION.sub(lambda found: f'&#{ord(found[0])};', shown)}</code>"


def block(lines: Sequence[str]) -> str:
    """Return lines of others as a block that shows them as they are; it is to begin after an empty line."""
    return f"<pre>{as_html(chr(10).join(cut(line, _LONGEST_LINE) for line in lines))}</pre>\n"


def as_html(text: str) -> str:
    """Return text for a block of HTML, where Markdown is not read; a runner that reads the log obeys none of it."""
    return inert(escape(text, quote=False), "&#{};")


def _head(compared: bool, asked: bool) -> Iterator[str]:
    columns = [
        "scenario",
        *(["status"] if asked else []),
        "verdict",
        "growth / 1000 calls",
        "budget",
        "peak / call",
        "p50",
        "gate",
    ]
    columns += ["beside the baseline"] if compared else []
    yield f"| {' | '.join(columns)} |\n"
    yield f"| {' | '.join('---:' if one in _NUMBERS else ':---' for one in columns)} |\n"


def _row(result: Result, compared: bool, asked: bool) -> str:
    latency = result.latency_seconds
    cells = [
        code(result.id),
        *([statuses(result)] if asked else []),
        verdict_word(result),
        growth_words(result.growth),
        budget_words(result),
        "-" if result.peak_bytes is None else format_size(result.peak_bytes),
        "-" if latency is None else format_duration(latency.p50),
        _gate(result),
    ]
    cells += [_beside(result)] if compared else []
    return f"| {' | '.join(cells)} |\n"


def _gate(result: Result) -> str:
    gate, _, words = gate_words(result).partition("  ")
    answer = gate if result.gate is Gate.WITHIN else f"**{gate}**"
    return f"{answer} {', '.join(map(_word, words.split(', ')))}" if words else answer


def _word(text: str) -> str:
    return text if _WORDS.fullmatch(text) else code(text)


def _beside(result: Result) -> str:
    if result.is_new:
        return "NEW"
    return "<br>".join(code(change_words(change)) for change in result.changes) or "-"


def _told(result: Result, is_worst: bool) -> str:
    lines = [piece for line in story(result) for piece in _wrapped(line)]
    summary = f"<code>{as_html(cut(plain(result.id), _LONGEST_NAME))}</code> is {GATE_WORDS[result.gate]}"
    summary += as_html(cut(plain(f": {', '.join(result.failures)}"), _LONGEST_NAME)) if result.failures else ""
    return f"\n<details{' open' if is_worst else ''}>\n<summary>{summary}</summary>\n\n{block(lines)}\n</details>\n"


def _wrapped(line: str) -> list[str]:
    """Return a sentence in lines that need no scrolling; a row of a table is left as it is."""
    return textwrap.wrap(line, _COLUMNS, break_long_words=False, break_on_hyphens=False) if line[:1] != " " else [line]


def _also(run: Run) -> list[str]:
    said = (*unread(run), *run_sentences(run), *elsewhere_sentences(run))
    lines = [piece for sentence in said for piece in _wrapped(sentence)]
    return [f"\n{block(lines)}"] if lines else []


def _foot(run: Run) -> str:
    parts = [] if run.environment is None else [code(_where(run.environment))]
    if run.shard is not None:
        parts.append(f"shard {run.shard.number} of {run.shard.count}")
    if run.baseline is not None:
        parts.append(f"beside {code(run.baseline)}")
    return " · ".join([*parts, format_duration(run.duration_seconds)])


def _where(environment: Environment) -> str:
    changed = " with changes" if environment.git_dirty else ""
    commit = f" · commit {environment.git_commit[:9]}{changed}" if environment.git_commit else ""
    name = environment.implementation.replace("cpython", "CPython")
    return (
        f"{name} {environment.python} · {environment.platform} · {environment.libc} · {environment.allocator}{commit}"
    )


def _fitting(parts: Sequence[str], room: int) -> tuple[list[str], int]:
    """Return the parts from the first on that fit, and the room that is left; nothing after the first that does not."""
    fitting: list[str] = []
    for part in parts:
        if _size(part) > room:
            return fitting, 0
        room -= _size(part)
        fitting.append(part)
    return fitting, room


def _size(*parts: str) -> int:
    return sum(len(part.encode()) for part in parts)
