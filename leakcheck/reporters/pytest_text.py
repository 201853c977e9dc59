"""One result as plain text, for the failure of a test."""

import io
import re
from collections.abc import Iterator, Mapping
from enum import Enum

from rich.console import Console

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.messages.cells import gate_text, growth_text, size_text, verdict_text
from leakcheck.reporters.messages.result import ResultFact, result_statements
from leakcheck.reporters.terminal import render_run

_CAUSES = (ResultFact.PEAK_SITE, ResultFact.ALLOCATION, ResultFact.RETENTION, ResultFact.COVERAGE)
_OTHERS = (ResultFact.FINGERPRINT, ResultFact.ADVICE, ResultFact.MISSING_METER, ResultFact.DETAILS)
_REQUESTS = (ResultFact.MEMORY_LIMIT, ResultFact.RESPONSE, ResultFact.STATUS, ResultFact.PASSWORDS)
LEFT_OUT_OF_SUMMARY: Mapping[Enum, str] = {
    **dict.fromkeys(_REQUESTS, "a test is not replayed as requests"),
    **dict.fromkeys((*_CAUSES, *_OTHERS), "result_text has it, in a section of the test's report"),
}
"""What the first lines of a failing test do not say, and why."""

_COLUMNS = 120
_OPTION = re.compile(r"raise --(timeout|max-memory|calls|time)\b")
_PYTEST_REMEDIES = {
    "timeout": "raise timeout in [tool.leakcheck]",
    "max-memory": "raise max_memory in [tool.leakcheck]",
    "calls": "raise --leakcheck-calls",
    "time": "raise leakcheck_time",
}
_NOT_REPEATABLE = (
    "It runs once and not again, so it cannot be replayed: let the body undo what it does, move that into a fixture, "
    "or measure a part of it with the fixture leakcheck."
)


def has_nothing_to_report(result: Result) -> bool:
    """Return whether a result is clean, within budget, and without any note."""
    has_notes = any((result.failure, result.peak_failure, result.known_leaks, result.resources))
    return result.gate is Gate.WITHIN and result.verdict is Verdict.CLEAN and not has_notes


@escape_arguments
def summary_lines(result: Result) -> Iterator[str]:
    """Yield the first lines of a failing test; at least one for a result that is not within budget."""
    for statement in result_statements(result, LEFT_OUT_OF_SUMMARY):
        yield with_pytest_options(statement.sentence)
    failure = result.failure
    if failure is not None and failure.call is not None and failure.call > 1:
        yield _NOT_REPEATABLE


@escape_arguments
def result_text(result: Result) -> str:
    """Return what `leakcheck run` would print for a result: its row, the sentences, the causes, the notes."""
    run = Run(schema=SCHEMA, started="", command=(), environment=None, results=(result,), finished=True)
    console = Console(file=io.StringIO(), width=_COLUMNS, highlight=False, no_color=True, force_terminal=False)
    with console.capture() as captured:
        for part in list(render_run(run))[:-1]:  # without the summary
            console.print(part)
    return with_pytest_options("\n".join(line.rstrip() for line in captured.get().splitlines()).rstrip())


@escape_arguments
def result_row(result: Result) -> tuple[str, ...]:
    """Return the cells of a result's row: name, verdict, growth per 1000 calls, peak, gate."""
    return (
        escape_control(result.id),
        verdict_text(result),
        growth_text(result.growth),
        size_text(result.peak_bytes),
        gate_text(result),
    )


def with_pytest_options(sentence: str) -> str:
    """Return a sentence with pytest's options in place of the command line's."""
    return _OPTION.sub(lambda match: _PYTEST_REMEDIES[match[1]], sentence)
