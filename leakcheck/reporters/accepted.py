"""Tables of what is accepted: the baseline, what an update made of it, and a run beside it."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakcheck.baseline import Accepted, Baseline, Change, Step
from leakcheck.model import Gate, Result
from leakcheck.reporters.plain import plain
from leakcheck.units import format_difference, format_size, format_size_beside

_STYLES = {Gate.WITHIN: "green", Gate.OVER: "bold red", Gate.INCONCLUSIVE: "yellow", Gate.ERROR: "bold red"}


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


def render_steps(steps: Sequence[Step]) -> Iterator[RenderableType]:
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
        yield Text(f"{unchanged} as accepted before.")


def render_comparison(results: Sequence[Result], entries: Mapping[str, Accepted]) -> Iterator[RenderableType]:
    """Yield a table of each accepted figure beside the measured one; what was not measured stands there too."""
    table = _table("scenario", "metric", "accepted", "measured", "change", "gate")
    measured = {result.id for result in results}
    for result in results:
        shown = [_comparison(change) for change in result.changes] or [_nothing(result)]
        for row in shown:
            _add(table, result.id, *row, style=_STYLES.get(Gate(row[-1]), "") if row[-1] in set(Gate) else "")
    for name in sorted(set(entries) - measured):
        _add(table, name, "", "", "-", "", "not in this run", style="dim")
    yield table
    yield Text()


def _comparison(change: Change) -> tuple[str, ...]:
    before, after = format_size_beside(change.before, change.after), format_size_beside(change.after, change.before)
    different = "" if change.after == change.before else format_difference(change.after, change.before)
    return change.metric, before, after, different, "better" if change.better else change.gate.value


def _nothing(result: Result) -> tuple[str, ...]:
    return "", "-", "-", "", "NEW" if result.is_new else result.gate.value


def _what(step: Step) -> str:
    if step.before is None:
        return "new"
    return "removed" if step.after is None else "changed"


def _cells(step: Step) -> tuple[str, str, str]:
    before, after = step.before, step.after
    verdicts = [None if one is None else one.verdict.value for one in (before, after)]
    growths = [None if one is None else _growth(one) for one in (before, after)]
    peaks = [None if one is None else one.peak_bytes for one in (before, after)]
    return _arrow(verdicts[0], verdicts[1]), _sizes(growths[0], growths[1]), _sizes(peaks[0], peaks[1])


def _sizes(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return _arrow(None if before is None else format_size(before), None if after is None else format_size(after))
    return _arrow(format_size_beside(before, after), format_size_beside(after, before))


def _arrow(before: str | None, after: str | None) -> str:
    if before == after:
        return before or "-"
    return f"{before or '-'} → {after or '-'}"


def _growth(entry: Accepted) -> int | None:
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
