"""A result in lines of plain text, as every report shows it, and the order in which results are reported."""

from collections.abc import Iterable, Sequence

from leakcheck.model.baseline import BaselineChange
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages import baseline
from leakcheck.reporters.messages.answers import response_sentences
from leakcheck.reporters.messages.causes import CauseRow, causes, explanation_notes, unseen_leak_sentence
from leakcheck.reporters.messages.memory_limit import memory_limit_sentences
from leakcheck.reporters.messages.resources import resource_sentences
from leakcheck.reporters.messages.run import advice_sentences
from leakcheck.reporters.messages.verdict import missing_meter_sentence, verdict_sentences

WORST_FIRST = (Gate.ERROR, Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)
_MOST_DETAIL_LINES = 12
_WIDEST_COLUMN = 60
GATE_TEXTS = {
    Gate.WITHIN: "within budget",
    Gate.OVER: "over budget",
    Gate.INCONCLUSIVE: "inconclusive",
    Gate.ERROR: "not measured",
}
"""The gates in words, to follow "is"."""


def worst_first(results: Iterable[Result]) -> list[Result]:
    """Return the results ordered by gate, as exit codes are; within a gate the furthest over budget first."""
    return sorted(results, key=lambda result: (WORST_FIRST.index(result.gate), -budget_ratio(result)))


def budget_ratio(result: Result) -> float:
    """Return how many times the worst of the exceeded budgets is used; 0 where none is exceeded."""
    exceeded = [
        (resource.per_1000_calls, resource.budget_per_1000_calls)
        for resource in result.resources
        if resource.gate is Gate.OVER
    ]
    exceeded += [(change.after, change.before) for change in result.baseline_changes if change.gate is Gate.OVER]
    if result.growth is not None and "growth" in result.over_budget:
        exceeded.append((result.growth.bytes_per_1000_calls, result.budget.growth_bytes_per_1000_calls))
    if result.peak_bytes is not None and result.budget.peak_bytes is not None and "peak" in result.over_budget:
        exceeded.append((result.peak_bytes, result.budget.peak_bytes))
    return max((used / max(allowed, 1.0) for used, allowed in exceeded), default=0.0)


def headline(result: Result) -> str:
    """Return the gate in one line (`newsletter[retained] is over budget: growth, peak`)."""
    budgets = f": {', '.join(result.over_budget)}" if result.over_budget else ""
    return escape_control(f"{result.id} is {GATE_TEXTS[result.gate]}{budgets}")


def main_sentence(result: Result) -> str:
    """Return the most important sentence, or else the headline."""
    return escape_control(next(iter([*verdict_sentences(result), *resource_sentences(result)]), f"{headline(result)}."))


def result_lines(result: Result) -> list[str]:
    """Return the whole result in lines: sentences, causes, known leaks, advice, and the end of a traceback."""
    lines = [*verdict_sentences(result), *resource_sentences(result), *memory_limit_sentences(result)]
    if not lines and result.gate is not Gate.WITHIN:
        lines = [main_sentence(result)]
    lines += response_sentences(result)
    lines += [*align_rows(list(causes(result))), *explanation_notes(result)]
    lines += filter(None, [missing_meter_sentence(result)])
    lines += [*advice_sentences(result), *(f"    {line}" for line in failure_details(result))]
    return [escape_control(line) for line in lines]  # again, in case a sentence forgot to


def run_notes(run: Run) -> list[str]:
    """Return the sentences about the known leaks and the baseline as a whole."""
    notes = (*map(unseen_leak_sentence, run.known_leaks_not_found), *baseline.run_sentences(run))
    return [escape_control(note) for note in notes]


def align_rows(rows: Sequence[CauseRow]) -> list[str]:
    """Return rows as lines with aligned columns, where one long place does not push the others far out."""
    labels = max((len(row.label) for row in rows), default=0)
    places = min(_WIDEST_COLUMN, max((len(row.where) for row in rows), default=0))
    return [f"  {row.label:<{labels}}  {row.where:<{places}}  {row.what}".rstrip() for row in rows]


def failure_details(result: Result) -> list[str]:
    """Return the end of the traceback, or of the process's output; nothing for a result without a failure."""
    failure = result.failure or result.peak_failure
    details = "" if failure is None else failure.details
    return escape_control(details, keep_lines=True).splitlines()[-_MOST_DETAIL_LINES:]


def change_text(change: BaselineChange) -> str:
    """Return a metric's accepted and measured figure, and which is better (`growth 1.00 KiB → 64.0 KiB, worse`)."""
    figures = change_figures(change)
    if change.gate is Gate.OVER:
        return f"{figures}, worse"
    return f"{figures}, better" if change.better else figures


def change_figures(change: BaselineChange) -> str:
    """Return a metric's accepted and measured figure (`growth 1.00 KiB → 64.0 KiB`)."""
    return f"{escape_control(change.metric)} {format_size(change.before)} → {format_size(change.after)}"
