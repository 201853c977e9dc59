"""Tables of what is accepted: the baseline, what an update made of it, and a run beside it."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakcheck.model.baseline import Baseline, BaselineChange, BaselineEntry, BaselineStep
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.units import format_difference, format_size, format_size_beside
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import plainly
from leakcheck.reporters.messages.baseline import is_notable

_STYLES: Mapping[str, str] = {
    Gate.WITHIN: "green",
    Gate.OVER: "bold red",
    Gate.INCONCLUSIVE: "yellow",
    Gate.ERROR: "bold red",
}

_METRICS = ("growth", "peak")


@plainly
def render_baseline(baseline: Baseline) -> Iterator[RenderableType]:
    """Yield a table of the accepted figures for each environment."""
    for environment, entries in sorted(baseline.environments.items()):
        yield Text(plain(environment), style="bold")
        table = _table("scenario", "verdict", "growth / 1000 calls", "peak / call", "reason")
        for name, entry in sorted(entries.items()):
            why = "; ".join(filter(None, (entry.reason, entry.note)))
            _add(table, name, entry.verdict, _size(_growth(entry)), _size(entry.peak_bytes), why)
        yield table
        yield Text()


@plainly
def render_steps(steps: Sequence[BaselineStep]) -> Iterator[RenderableType]:
    """Yield a table of what an update changed, before → after; of what stays as it was the number."""
    changed = [step for step in steps if step.before != step.after]
    if changed:
        table = _table("scenario", "", "verdict", "growth / 1000 calls", "peak / call", "reason")
        for step in changed:
            reason = "" if step.after is None else "; ".join(filter(None, (step.after.reason, step.after.note)))
            _add(table, step.scenario, _what(step), *_cells(step), reason)
        yield table
        yield Text()
    if unchanged := len(steps) - len(changed):
        yield Text(f"{unchanged:,} as accepted before.")


@plainly
def acceptance_sentences(result: Result, accepted: BaselineEntry) -> Iterator[str]:
    """Yield what is to be known of a result that was accepted: what it is over, and what no baseline accepts."""
    name, over = plain(result.id), [metric for metric in result.failures if metric in _METRICS]
    if over:
        why = "" if accepted.reason else "; say why with --reason"
        yield f"{name}: over its budget ({', '.join(over)}), and accepted with that{why}."
    for kind in result.failures:
        if kind not in _METRICS:
            yield f"{name}: {plain(kind)} rise over their budget, which stands in [tool.leakcheck.resources] alone."
    if accepted.note:
        yield f"{name}: {plain(accepted.note)}, so it is held to its budget."


@plainly
def render_comparison(results: Sequence[Result], entries: Mapping[str, BaselineEntry]) -> Iterator[RenderableType]:
    """Yield a table of each accepted figure beside the measured one; what was not measured stands there too."""
    table = _table("scenario", "metric", "accepted", "measured", "change", "gate")
    measured = {result.id for result in results}
    for result in results:
        for row in [_comparison(change, result) for change in result.changes] or [_nothing(result)]:
            _add(table, result.id, *row, style=_STYLES.get(row[-1], ""))
    for name in sorted(set(entries) - measured):
        _add(table, name, "", "", "-", "", "not in this run", style="dim")
    yield table
    yield Text()


def _comparison(change: BaselineChange, result: Result) -> tuple[str, ...]:
    different = format_difference(change.after, change.before) if is_notable(change) else ""
    return change.metric, format_size(change.before), format_size(change.after), different, _gate(change, result)


def _gate(change: BaselineChange, result: Result) -> str:
    """Return what the gate says of one metric: its budget counts too, and a known leak does not."""
    if change.metric in result.failures or result.gate is Gate.ERROR:
        return Gate.OVER if result.gate is not Gate.ERROR else Gate.ERROR
    if change.gate is Gate.OVER:
        return "known leak"
    return "better" if change.better else change.gate


def _nothing(result: Result) -> tuple[str, ...]:
    return "", "-", "-", "", "NEW" if result.is_new else result.gate


def _what(step: BaselineStep) -> str:
    if step.before is None:
        return "new"
    return "removed" if step.after is None else "changed"


def _cells(step: BaselineStep) -> tuple[str, str, str]:
    before, after = step.before, step.after
    if before is None or after is None:
        there = before or after
        assert there is not None
        return there.verdict, _size(_growth(there)), _size(there.peak_bytes)
    growth, peak = _sizes(_growth(before), _growth(after)), _sizes(before.peak_bytes, after.peak_bytes)
    return _arrow(before.verdict, after.verdict), growth, peak


def _sizes(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return _arrow(_size(before), _size(after))
    return _arrow(format_size_beside(before, after), format_size_beside(after, before))


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _growth(entry: BaselineEntry) -> int | None:
    return entry.growth_bytes_per_1000_calls


def _size(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else format_size(size_bytes)


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in headers:
        table.add_column(header, overflow="fold", justify="right" if header in _NUMBERS else "left")
    return table


_NUMBERS = ("growth / 1000 calls", "peak / call", "accepted", "measured", "change")


def _add(table: Table, *cells: str, style: str = "") -> None:
    table.add_row(*(Text(plain(cell)) for cell in cells), style=style)
