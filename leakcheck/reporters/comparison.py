"""The before/after table for a terminal, as Markdown and as CSV."""

import re
from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from leakcheck.model.comparison import Comparison, MetricComparison, ScenarioComparison, Side, Unit
from leakcheck.model.plain_text import escape_control
from leakcheck.model.tolerance import ChangeVerdict, Figure
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.export.run_csv import Cell, csv_document
from leakcheck.reporters.markdown import code_span
from leakcheck.reporters.messages.cells import with_margin
from leakcheck.reporters.terminal import new_table

_STYLES = {ChangeVerdict.BETTER: "green", ChangeVerdict.WORSE: "bold red", None: "dim"}
_NOT_MEASURED = "-"
_PLAIN_SENTENCE = re.compile(r"(?:[A-Za-z](?:[A-Za-z ,;()']|: )*)?")


def figure_text(figure: Figure | None, unit: Unit) -> str:
    """Return a figure with the wider of its bounds ("144 MiB ± 96 KiB"), or alone where it is exact."""
    if figure is None:
        return _NOT_MEASURED
    if figure.high <= figure.value <= figure.low:
        return _value(figure.value, unit)
    return with_margin(figure.value, figure.low, figure.high, lambda value: _value(value, unit))


def change_text(row: MetricComparison) -> str:
    """Return the change (`-142 MiB ± 0.1 MiB`, `× 0.63 (0.58 to 0.70)`); `~` if it is neither better nor worse."""
    if row.before is None or row.after is None:
        return _NOT_MEASURED
    change = row.change
    if change is None or row.verdict not in (ChangeVerdict.BETTER, ChangeVerdict.WORSE):
        return "~"
    text = _difference(change.value, row.unit)
    if row.unit is Unit.SECONDS:
        return f"{text} ({change.low:.2f} to {change.high:.2f})"
    return f"{text} ± {_value(change.margin, row.unit)}" if change.margin > 0 else text


def verdict_text(row: MetricComparison) -> str:
    """Return the last column: better, worse, or why the change is neither."""
    if row.verdict in (ChangeVerdict.BETTER, ChangeVerdict.WORSE):
        return row.verdict
    if row.note or row.change is None:
        return row.note
    if row.verdict is ChangeVerdict.SAME:
        return f"within the tolerance of {row.tolerance}"
    low, high = (_difference(bound, row.unit) for bound in (row.change.low, row.change.high))
    return f"not certain: between {low} and {high}"


def _difference(change: float, unit: Unit) -> str:
    """Return a change with its sign; that of a latency is a ratio."""
    if unit is Unit.SECONDS:
        return f"× {change:.2f}"
    return f"{'+' if change > 0 else '-' if change < 0 else ''}{_value(abs(change), unit)}"


@escape_arguments
def render_comparison(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield the comparison for a terminal: the two sides, a table for each scenario, and the notes."""
    yield Text(f"before  {side_text(comparison.before)}", style="dim")
    yield Text(f"after   {side_text(comparison.after)}", style="dim")
    for scenario in comparison.scenarios:
        yield Text()
        yield Text(pair_text(scenario), style="bold")
        yield Padding(_table(scenario), (0, 0, 0, 2))
    sentences = [(text, "bold red") for text in comparison.failures] + [(text, "") for text in comparison.notes]
    if sentences:
        yield Text()
    for text, style in sentences:
        yield Text(f"{escape_control(text)}.", style=style)


@escape_arguments
def markdown(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    """Yield one Markdown document with a table for each scenario."""
    before, after = code_span(side_text(comparison.before)), code_span(side_text(comparison.after))
    lines = [f"**before** {before} · **after** {after}"]
    for scenario in comparison.scenarios:
        lines += [
            "",
            f"### {code_span(pair_text(scenario))}",
            "",
            "| | before | after | change | |",
            "| --- | ---: | ---: | ---: | --- |",
        ]
        for row in scenario.rows:
            *figures, note = _cells(row)
            lines.append(f"| {' | '.join([*figures, _note(note) if row.note else note])} |")
    sentences = [*comparison.failures, *comparison.notes]
    lines += ["", *(f"- {_note(text)}" for text in sentences)] if sentences else []
    yield "compare.md", ("\n".join(lines) + "\n").encode()


@escape_arguments
def csv_table(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    """Yield one CSV document: a line for each metric of each scenario, in bytes, seconds and fractions."""
    parts = ("value", "low", "high")
    columns = [f"{column}_{part}" for column in ("before", "after", "change") for part in parts]
    headings = ["scenario", "metric", "unit", *columns, "verdict", "note"]
    rows = [(scenario, row) for scenario in comparison.scenarios for row in scenario.rows]
    yield "compare.csv", csv_document(headings, [_csv_row(scenario, row) for scenario, row in rows])


def _csv_row(scenario: ScenarioComparison, row: MetricComparison) -> list[Cell]:
    figures = [
        bound
        for figure in (row.before, row.after, row.change)
        for bound in ((None, None, None) if figure is None else (figure.value, figure.low, figure.high))
    ]
    verdict = None if row.verdict is None else row.verdict.value
    return [scenario.scenario, row.metric.value, row.unit.value, *figures, verdict, row.note]


def _table(scenario: ScenarioComparison) -> Table:
    table = new_table()
    for header in ("", "before", "after", "change"):
        table.add_column(header, justify="right" if header else "left", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in scenario.rows:
        cells = _cells(row)
        table.add_row(*map(Text, cells[:3]), *(Text(cell, style=_STYLES.get(row.verdict, "")) for cell in cells[3:]))
    return table


def _cells(row: MetricComparison) -> tuple[str, ...]:
    return (
        row.metric.value,
        figure_text(row.before, row.unit),
        figure_text(row.after, row.unit),
        change_text(row),
        escape_control(verdict_text(row)),
    )


def pair_text(scenario: ScenarioComparison) -> str:
    """Return the scenario that is compared, or its two variants."""
    before, after = scenario.before, scenario.after
    return escape_control(before if before == after else f"{before} → {after}")


def side_text(side: Side) -> str:
    """Return one side of the comparison (`main · commit 0123abcde · cpython 3.11.7`)."""
    parts = [side.label, f"commit {side.commit[:9]}" if side.commit else "", side.python or ""]
    return escape_control(" · ".join(filter(None, parts)))


def _value(value: float, unit: Unit) -> str:
    if unit is Unit.BYTES:
        return format_size(value)
    if unit is Unit.SECONDS:
        return format_duration(value)
    return f"{value:.1%}" if unit is Unit.SHARE else f"{value:,.0f}"


def _note(text: str) -> str:
    """Return a sentence for Markdown: in code where it could be markup, or an address."""
    return text if _PLAIN_SENTENCE.fullmatch(text) else code_span(text)
