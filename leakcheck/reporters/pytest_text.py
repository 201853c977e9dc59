"""One result as plain text, for a place that has neither colours nor a terminal: a test's failure."""

import io
import re
from collections.abc import Iterator

from rich.console import Console

from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Run
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.escape import plainly
from leakcheck.reporters.messages.causes import notes
from leakcheck.reporters.messages.resources import resource_sentences
from leakcheck.reporters.messages.verdict import peak_left_out, sentences
from leakcheck.reporters.terminal import gate_words, growth_words, render_run, verdict_word

_COLUMNS = 120
_FLAGS = re.compile(r"raise --(timeout|max-memory|calls|time)\b")
_IN_PYTEST = {
    "timeout": "raise timeout in [tool.leakcheck]",
    "max-memory": "raise max_memory in [tool.leakcheck]",
    "calls": "raise --leakcheck-calls",
    "time": "raise leakcheck_time",
}
_ONLY_ONCE = (
    "It runs once and not again, so it cannot be replayed: let the body undo what it does, move that into a fixture, "
    "or measure a part of it with the fixture leakcheck."
)


def is_fine(result: Result) -> bool:
    """Tell whether there is nothing to say of it: it stands still, and keeps its budgets."""
    nothing = not any((result.trouble, result.peak_trouble, result.known, result.resources))
    return result.gate is Gate.WITHIN and result.verdict is Verdict.CLEAN and nothing


@plainly
def main_sentences(result: Result) -> Iterator[str]:
    """Yield what a failing test says first; at least one sentence for whatever is not within budget."""
    told = False
    for sentence in (*sentences(result), *resource_sentences(result), *notes(result)):
        told = True
        yield in_pytest(sentence)
    trouble = result.trouble
    if trouble is not None and trouble.call is not None and trouble.call > 1:
        yield _ONLY_ONCE
    if peak_left_out(result):
        yield f"{plain(result.id)}: its peak could not be measured, because there is no memray: pip install memray"
    elif not told and result.gate is not Gate.WITHIN:
        yield f"{plain(result.id)}: {gate_words(result)}"


@plainly
def whole_text(result: Result) -> str:
    """Return all that `leakcheck run` would print of a result: its row, the sentences, the causes, the notes."""
    run = Run(schema=SCHEMA, started="", command=(), environment=None, results=(result,), finished=True)
    console = Console(file=io.StringIO(), width=_COLUMNS, highlight=False, no_color=True, force_terminal=False)
    with console.capture() as captured:
        for part in list(render_run(run))[:-1]:  # the last line counts the results
            console.print(part)
    return in_pytest("\n".join(line.rstrip() for line in captured.get().splitlines()).rstrip())


@plainly
def row(result: Result) -> tuple[str, ...]:
    """Return the cells of a result's row: name, verdict, growth, peak, gate."""
    return (
        plain(result.id),
        verdict_word(result),
        growth_words(result.growth),
        "-" if result.peak_bytes is None else format_size(result.peak_bytes),
        gate_words(result),
    )


def in_pytest(sentence: str) -> str:
    """Return a sentence whose remedy is spelt as pytest's user spells it."""
    return _FLAGS.sub(lambda found: _IN_PYTEST[found[1]], sentence)
