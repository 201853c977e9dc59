"""What every report says of a result, in lines, and in which order results are told."""

from collections.abc import Iterable, Sequence

from leakcheck.model.baseline import BaselineChange
from leakcheck.model.plain_text import cut as cut
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages import baseline
from leakcheck.reporters.messages.answers import answered_sentences
from leakcheck.reporters.messages.causes import CauseRow, causes, notes, unseen_words
from leakcheck.reporters.messages.memory_limit import served_sentences
from leakcheck.reporters.messages.resources import resource_sentences
from leakcheck.reporters.messages.run import advised
from leakcheck.reporters.messages.verdict import missing_meters, sentences

_WORST_FIRST = (Gate.ERROR, Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)
_MOST_DETAIL_LINES = 12
_WIDEST_PLACE = 60
GATE_WORDS = {
    Gate.WITHIN: "within budget",
    Gate.OVER: "over budget",
    Gate.INCONCLUSIVE: "inconclusive",
    Gate.ERROR: "not measured",
}
"""What a gate says, after "is"."""


def worst_first(results: Iterable[Result]) -> list[Result]:
    """Return the results in the order of their exit codes, the furthest over budget first among equals."""
    return sorted(results, key=lambda result: (_WORST_FIRST.index(result.gate), -times_over(result)))


def times_over(result: Result) -> float:
    """Return how many times the worst of the broken budgets is used; 0 where none is broken."""
    uses = [
        (resource.per_1000_calls, resource.budget_per_1000_calls)
        for resource in result.resources
        if resource.gate is Gate.OVER
    ]
    uses += [(change.after, change.before) for change in result.changes if change.gate is Gate.OVER]
    if result.growth is not None and "growth" in result.failures:
        uses.append((result.growth.bytes_per_1000_calls, result.budget.growth_bytes_per_1000_calls))
    if result.peak_bytes is not None and result.budget.peak_bytes is not None and "peak" in result.failures:
        uses.append((result.peak_bytes, result.budget.peak_bytes))
    return max((used / max(allowed, 1.0) for used, allowed in uses), default=0.0)


def headline(result: Result) -> str:
    """Return a result in a few words (`newsletter[retained] is over budget: growth, peak`)."""
    broken = f": {', '.join(result.failures)}" if result.failures else ""
    return plain(f"{result.id} is {GATE_WORDS[result.gate]}{broken}")


def main_sentence(result: Result) -> str:
    """Return the one sentence that says the most; the headline of a result of which there is nothing to say."""
    return plain(next(iter([*sentences(result), *resource_sentences(result)]), f"{headline(result)}."))


def story(result: Result) -> list[str]:
    """Return all there is to say, in lines: the sentences, why it grows, what is known, the end of a traceback."""
    said = [*sentences(result), *resource_sentences(result), *served_sentences(result)]
    if not said and result.gate is not Gate.WITHIN:
        said = [main_sentence(result)]
    said += answered_sentences(result)
    blind = filter(None, [missing_meters(result)])
    lines = [*said, *aligned(list(causes(result))), *notes(result), *blind, *advised(result), *details(result)]
    return [plain(line) for line in lines]  # once more, for the one that somebody forgot


def run_sentences(run: Run) -> list[str]:
    """Return what concerns the run and no single result of it."""
    said = [*map(unseen_words, run.known_unseen), *baseline.run_sentences(run)]
    return [plain(sentence) for sentence in said]


def aligned(rows: Sequence[CauseRow]) -> list[str]:
    """Return rows as lines with their columns below each other, but none pushed far out by one long place."""
    labels = max((len(row.label) for row in rows), default=0)
    places = min(_WIDEST_PLACE, max((len(row.where) for row in rows), default=0))
    return [f"  {row.label:<{labels}}  {row.where:<{places}}  {row.what}".rstrip() for row in rows]


def details(result: Result) -> list[str]:
    """Return the end of the traceback, or of what the process wrote, below its sentence."""
    trouble = result.trouble or result.peak_trouble
    if trouble is None:
        return []
    return [f"    {line}" for line in plain(trouble.details, keep_lines=True).splitlines()[-_MOST_DETAIL_LINES:]]


def change_words(change: BaselineChange) -> str:
    """Return a metric beside what the baseline accepts (`growth 1.00 KiB → 64.0 KiB, worse`)."""
    words = f"{plain(change.metric)} {format_size(change.before)} → {format_size(change.after)}"
    if change.gate is Gate.OVER:
        return f"{words}, worse"
    return f"{words}, better" if change.better else words
