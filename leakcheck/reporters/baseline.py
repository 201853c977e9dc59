"""Tables for a terminal: the baseline, the changes of an update, and a run compared with the baseline."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakcheck.model.baseline import Baseline, BaselineChange, BaselineEntry, BaselineStep
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.units import format_difference, format_size, format_size_beside
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.messages.baseline import is_notable
from leakcheck.reporters.messages.cells import GATE_WORDS, size_text
from leakcheck.reporters.messages.result import REASONS, result_statements
from leakcheck.reporters.messages.run import run_sentences
from leakcheck.reporters.terminal import GATE_STYLES, table_of

_METRICS = ("growth", "peak")


@escape_arguments
def render_baseline(baseline: Baseline) -> Iterator[RenderableType]:
    """Yield a table of the accepted figures for each environment."""
    for environment, entries in sorted(baseline.environments.items()):
        yield Text(escape_control(environment), style="bold")
        table = table_of("scenario", "verdict", "growth / 1000 calls", "peak / call", "reason")
        for name, entry in sorted(entries.items()):
            _add_row(table, name, *_cells(None, entry), _reason(entry))
        yield table
        yield Text()


@escape_arguments
def render_update(steps: Sequence[BaselineStep]) -> Iterator[RenderableType]:
    """Yield a table of the entries that an update changed, before → after, and the number of unchanged ones."""
    changed = [step for step in steps if step.before != step.after]
    if changed:
        table = table_of("scenario", "", "verdict", "growth / 1000 calls", "peak / call", "reason")
        for step in changed:
            kind = "new" if step.before is None else "removed" if step.after is None else "changed"
            _add_row(table, step.scenario, kind, *_cells(step.before, step.after), _reason(step.after))
        yield table
        yield Text()
    if unchanged := len(steps) - len(changed):
        yield Text(f"{unchanged:,} as accepted before.")


@escape_arguments
def acceptance_notes(result: Result, accepted: BaselineEntry) -> Iterator[str]:
    """Yield which budgets an accepted result exceeds, and what the baseline cannot accept."""
    name, exceeded = escape_control(result.id), [metric for metric in result.over_budget if metric in _METRICS]
    if exceeded:
        remedy = "" if accepted.reason else "; say why with --reason"
        yield f"{name}: over its budget ({', '.join(exceeded)}), and accepted with that{remedy}."
    for kind in result.over_budget:
        if kind not in _METRICS:
            resource = escape_control(kind)
            yield f"{name}: {resource} rise over their budget, which stands in [tool.leakcheck.resources] alone."
    if accepted.note:
        yield f"{name}: {escape_control(accepted.note)}, so it is held to its budget."


@escape_arguments
def render_comparison(run: Run, entries: Mapping[str, BaselineEntry]) -> Iterator[RenderableType]:
    """Yield a table of the accepted and the measured figures, the entries that were not measured, and the sentences."""
    table = table_of("scenario", "metric", "accepted", "measured", "change", "gate")
    measured = {result.id for result in run.results}
    for result in run.results:
        without_entry = ("", "-", "-", "", "NEW" if result.is_new else result.gate)
        for row in [_comparison(change, result) for change in result.baseline_changes] or [without_entry]:
            _add_row(table, result.id, *row[:-1], GATE_WORDS.get(row[-1], row[-1]), style=GATE_STYLES.get(row[-1], ""))
    for name in sorted(set(entries) - measured):
        _add_row(table, name, "", "", "-", "", "not in this run", style="dim")
    yield table
    yield Text()
    for statement in (part for result in run.results for part in result_statements(result)):
        if statement.kind in REASONS:
            yield Text(statement.sentence)
    yield from map(Text, run_sentences(run))


def _comparison(change: BaselineChange, result: Result) -> tuple[str, ...]:
    difference = format_difference(change.after, change.before) if is_notable(change) else ""
    return change.metric, format_size(change.before), format_size(change.after), difference, _gate(change, result)


def _gate(change: BaselineChange, result: Result) -> str:
    """Return the gate of one metric: its budget counts too, and a known leak does not fail."""
    if result.gate is Gate.ERROR:
        return Gate.ERROR
    if change.metric in result.over_budget:
        return Gate.OVER
    if change.gate is Gate.OVER:
        return "known leak"
    return "better" if change.better else change.gate


def _cells(before: BaselineEntry | None, after: BaselineEntry | None) -> Iterator[str]:
    """Yield verdict, growth and peak, each `before → after` where they differ."""
    entries = [entry for entry in (before, after) if entry is not None]
    yield _arrow([entry.verdict for entry in entries])
    yield _sizes([entry.growth_bytes_per_1000_calls for entry in entries])
    yield _sizes([entry.peak_bytes for entry in entries])


def _sizes(sizes: Sequence[int | None]) -> str:
    match sizes:
        case [int(before), int(after)]:
            # with enough digits to tell them apart
            return _arrow([format_size_beside(before, after), format_size_beside(after, before)])
    return _arrow([size_text(size) for size in sizes])


def _arrow(texts: Sequence[str]) -> str:
    return " → ".join(dict.fromkeys(texts))


def _reason(entry: BaselineEntry | None) -> str:
    return "" if entry is None else "; ".join(filter(None, (entry.reason, entry.note)))


def _add_row(table: Table, *cells: str, style: str = "") -> None:
    table.add_row(*(Text(escape_control(cell)) for cell in cells), style=style)
