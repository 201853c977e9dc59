"""The history for a terminal: a row for each scenario or run, and the regressions in sentences."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.plain_text import escape_control
from leakcheck.model.tolerance import Tolerance
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.messages.cells import GATE_WORDS, commit_text, size_text, with_margin
from leakcheck.reporters.terminal import GATE_STYLES, table_of

_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_MOST_RUNS, _MOST_SPARKS = 20, 24
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
Series = Sequence[HistoryEntry]
"""The runs of one scenario, the oldest first."""


@escape_arguments
def render_all(series: Sequence[tuple[Series, Sequence[Regression]]], *, encoding: str) -> Iterator[RenderableType]:
    """Yield a row for each series, and its last step; sparklines are ASCII where `encoding` lacks block characters."""
    table = table_of("scenario", "runs", "growth / 1000 calls", "", "peak / call", "", "last", foldable=4)
    for records, _ in series:
        last = records[-1]
        table.add_row(
            Text(escape_control(last.scenario)),
            str(len(records)),
            _growth(last),
            spark([record.growth.value if record.growth else None for record in records], encoding),
            size_text(last.peak_bytes),
            spark([record.peak_bytes for record in records], encoding),
            Text(f"{last.verdict}, {GATE_WORDS[last.gate]}", style=GATE_STYLES[last.gate]),
        )
    yield Padding(table, (0, 0, 0, 2))
    for records, steps in series:
        for step in steps[-1:]:
            yield Text()
            yield from _step_lines(step, prefix=f"{escape_control(records[-1].scenario)}: ")


@escape_arguments
def render_one(
    records: Series, steps: Sequence[Regression], tolerance: Tolerance, *, encoding: str
) -> Iterator[RenderableType]:
    """Yield a row for each of the newest runs of one series, the sparklines, and every step."""
    last = records[-1]
    yield Text(
        escape_control(" · ".join(part for part in (last.scenario, last.environment, last.options) if part)),
        style="dim",
    )
    yield Text()
    table = table_of("run", "commit", "verdict", "growth / 1000 calls", "peak / call", "p50", "gate", foldable=4)
    stepped = {id(step.after) for step in steps}
    for record in records[-_MOST_RUNS:]:
        table.add_row(
            Text(f"{'>' if id(record) in stepped else ' '} {escape_control(Path(record.document).parent.name)}"),
            Text(_commit(record)),
            Text(record.verdict.value if record.growth is not None else "-"),
            _growth(record),
            size_text(record.peak_bytes),
            "-" if record.p50_seconds is None else format_duration(record.p50_seconds),
            Text(GATE_WORDS[record.gate], style=GATE_STYLES[record.gate]),
        )
    yield Padding(table, (0, 0, 0, 2))
    yield Text()
    yield Text(f"  growth  {spark([record.growth.value if record.growth else None for record in records], encoding)}")
    yield Text(f"  peak    {spark([record.peak_bytes for record in records], encoding)}")
    if len(records) > _MOST_RUNS:
        yield Text(f"The table shows the newest {_MOST_RUNS} of {len(records)} runs.")
    for step in steps:
        yield Text()
        yield from _step_lines(step)
    if not steps:
        yield Text()
        yield Text(_no_step(records, tolerance))


def spark(values: Sequence[float | None], encoding: str) -> str:
    """Return the newest values as a sparkline from zero; `?` where a value is unknown."""
    marks = _BLOCKS
    try:
        _BLOCKS.encode(encoding)
    except (UnicodeError, LookupError):
        marks = _ASCII
    values = values[-_MOST_SPARKS:]
    highest = max((value for value in values if value is not None), default=0.0)
    return "".join("?" if value is None else marks[_height(value, highest, len(marks))] for value in values)


def _height(value: float, highest: float, levels: int) -> int:
    if highest <= 0 or value <= 0:
        return 0
    return min(levels - 1, round(value / highest * (levels - 1)))


def _growth(record: HistoryEntry) -> str:
    growth = record.growth
    return "-" if growth is None else with_margin(growth.value, growth.low, growth.high)


def _commit(record: HistoryEntry) -> str:
    return "-" if record.git_commit is None else escape_control(commit_text(record.git_commit, record.git_dirty))


def _step_lines(step: Regression, prefix: str = "") -> Iterator[Text]:
    unit = " per 1000 calls" if step.metric == "growth" else ""
    verb = "rose" if step.rose else "fell"
    when = escape_control(Path(step.after.document).parent.name)
    yield Text(
        f"{prefix}{step.metric} {verb} in {when}: from {format_size(step.before_bytes)} to "
        f"{format_size(step.after_bytes)}{unit}.",
        style="bold" if step.rose else "",
    )
    yield Text(f"  {_commits_between(step.before, step.after)}")


def _commits_between(before: HistoryEntry, after: HistoryEntry) -> str:
    """Return the commits between two runs as a `git log` command, or why there is none."""
    if before.git_commit is None or after.git_commit is None:
        return f"The run before is {escape_control(Path(before.document).parent.name)}; no commit was recorded."
    changes = " and what was not committed" if after.git_dirty or before.git_dirty else ""
    if before.git_commit == after.git_commit:
        other = "what was not committed" if changes else "packages or data"
        return f"Both runs are of commit {escape_control(after.git_commit[:9])}: {other} must have changed."
    if not (_COMMIT.fullmatch(before.git_commit) and _COMMIT.fullmatch(after.git_commit)):
        return f"Between the commits {escape_control(before.git_commit)} and {escape_control(after.git_commit)}."
    return f"Look at: git log {before.git_commit[:12]}..{after.git_commit[:12]}{changes}"


def _no_step(records: Series, tolerance: Tolerance) -> str:
    if len(records) == 1:
        return "There is one run; a step can be found from the second on."
    return f"No step: growth and peak stay within the tolerance of {tolerance}."
