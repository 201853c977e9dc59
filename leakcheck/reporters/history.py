"""The history on a terminal: a row a scenario, or a row a run, and the steps in sentences."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.plain_text import plain
from leakcheck.model.units import format_duration, format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import plainly

_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_MOST_RUNS, _MOST_SPARKS = 20, 24
_UNKNOWN_BYTES = 1e14
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_STYLES = {Gate.WITHIN: "green", Gate.OVER: "bold red", Gate.INCONCLUSIVE: "yellow", Gate.ERROR: "bold red"}
Series = Sequence[HistoryEntry]


@plainly
def render_all(many: Sequence[tuple[Series, Sequence[Regression]]], *, encoding: str) -> Iterator[RenderableType]:
    """Yield a row for each series, and what its last step was. A terminal without Unicode gets plain letters."""
    table = _table(("scenario", "left"), ("runs", "right"), ("growth / 1000 calls", "right"), ("", "left"))
    for heading, justify in (("peak / call", "right"), ("", "left"), ("last", "left")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for records, _ in many:
        last = records[-1]
        table.add_row(
            Text(plain(last.scenario)),
            str(len(records)),
            _growth(last),
            spark([one.growth_bytes_per_1000_calls for one in records], encoding),
            _peak(last),
            spark([one.peak_bytes for one in records], encoding),
            Text(f"{last.verdict}, {last.gate}", style=_STYLES[last.gate]),
        )
    yield Padding(table, (0, 0, 0, 2))
    for records, steps in many:
        for step in steps[-1:]:
            yield Text()
            yield from _told(step, prefix=f"{plain(records[-1].scenario)}: ")


@plainly
def render_one(records: Series, steps: Sequence[Regression], *, encoding: str) -> Iterator[RenderableType]:
    """Yield a row for each of the newest runs of one series, the trend, and every step."""
    last = records[-1]
    yield Text(plain(" · ".join(part for part in (last.scenario, last.environment, last.options) if part)), style="dim")
    yield Text()
    table = _table(("run", "left"), ("commit", "left"), ("verdict", "left"), ("growth / 1000 calls", "right"))
    for heading, justify in (("peak / call", "right"), ("p50", "right"), ("gate", "left")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    stepped = {id(step.after) for step in steps}
    for record in records[-_MOST_RUNS:]:
        table.add_row(
            Text(f"{'>' if id(record) in stepped else ' '} {plain(Path(record.document).parent.name)}"),
            Text(_commit(record)),
            Text(record.verdict.value if record.growth_bytes_per_1000_calls is not None else "-"),
            _growth(record),
            _peak(record),
            "-" if record.p50_seconds is None else format_duration(record.p50_seconds),
            Text(record.gate.value, style=_STYLES[record.gate]),
        )
    yield Padding(table, (0, 0, 0, 2))
    yield Text()
    yield Text(f"  growth  {spark([one.growth_bytes_per_1000_calls for one in records], encoding)}")
    yield Text(f"  peak    {spark([one.peak_bytes for one in records], encoding)}")
    if len(records) > _MOST_RUNS:
        yield Text(f"The table shows the newest {_MOST_RUNS} of {len(records)} runs.")
    for step in steps:
        yield Text()
        yield from _told(step)
    if not steps:
        yield Text()
        yield Text(_still(records))


def spark(values: Sequence[float | None], encoding: str) -> str:
    """Return the newest values as small bars that stand on nothing; `?` where none is known."""
    marks = _BLOCKS
    try:
        _BLOCKS.encode(encoding)
    except (UnicodeError, LookupError):
        marks = _ASCII
    values = values[-_MOST_SPARKS:]
    highest = max((value for value in values if value is not None), default=0.0)
    return "".join("?" if value is None else marks[_height(value, highest, len(marks))] for value in values)


def _height(value: float, highest: float, levels: int) -> int:
    if highest <= 0:
        return 0
    return max(0, min(levels - 1, round(value / highest * (levels - 1))))


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading, justify in columns:
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _growth(record: HistoryEntry) -> str:
    rate, low, high = record.growth_bytes_per_1000_calls, record.growth_low, record.growth_high
    if rate is None or low is None or high is None:
        return "-"
    doubt = max(high - rate, rate - low)
    return "unknown" if doubt > _UNKNOWN_BYTES else f"{format_size(rate)} ± {format_size(doubt)}"


def _peak(record: HistoryEntry) -> str:
    return "-" if record.peak_bytes is None else format_size(record.peak_bytes)


def _commit(record: HistoryEntry) -> str:
    if record.git_commit is None:
        return "-"
    return plain(f"{record.git_commit[:9]}{' with changes' if record.git_dirty else ''}")


def _told(step: Regression, prefix: str = "") -> Iterator[Text]:
    unit = " per 1000 calls" if step.metric == "growth" else ""
    verb = "rose" if step.rose else "fell"
    when = plain(Path(step.after.document).parent.name)
    yield Text(
        f"{prefix}{step.metric} {verb} in {when}: from {format_size(step.before_bytes)} to "
        f"{format_size(step.after_bytes)}{unit}.",
        style="bold" if step.rose else "",
    )
    yield Text(f"  {_where(step.before, step.after)}")


def _where(before: HistoryEntry, after: HistoryEntry) -> str:
    """Return what lies between two runs: commits where they are known, and different."""
    if before.git_commit is None or after.git_commit is None:
        return f"The run before is {plain(Path(before.document).parent.name)}; no commit was recorded."
    changes = " and what was not committed" if after.git_dirty or before.git_dirty else ""
    if before.git_commit == after.git_commit:
        other = "what was not committed" if changes else "packages or data"
        return f"Both runs are of commit {plain(after.git_commit[:9])}: {other} must have changed."
    if not (_COMMIT.fullmatch(before.git_commit) and _COMMIT.fullmatch(after.git_commit)):
        return f"Between the commits {plain(before.git_commit)} and {plain(after.git_commit)}."
    return f"Look at: git log {before.git_commit[:12]}..{after.git_commit[:12]}{changes}"


def _still(records: Series) -> str:
    if len(records) == 1:
        return "There is one run; a step can be found from the second on."
    return "No step: growth and peak stand where they stood, to 5 % and 16 KiB."
