"""The before/after table, in the forms that people paste: terminal, Markdown, CSV."""

import csv
import io
import re
from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from leakcheck.model.comparison import (
    ChangeVerdict,
    Comparison,
    Figure,
    MetricComparison,
    ScenarioComparison,
    Side,
    Unit,
)
from leakcheck.model.plain_text import plain
from leakcheck.model.units import format_duration, format_size
from leakcheck.reporters.escape import csv_cell, plainly
from leakcheck.reporters.markdown import code_span

_STYLES = {
    ChangeVerdict.BETTER: "green",
    ChangeVerdict.WORSE: "bold red",
    ChangeVerdict.SAME: "",
    ChangeVerdict.UNKNOWN: "dim",
}
_NOTHING = "-"
_UNKNOWN_BYTES = 1e14


def figure_words(figure: Figure | None, unit: Unit) -> str:
    """Return a figure with the wider of its bounds ("144 MiB ± 96 KiB"); without, where it is exact."""
    if figure is None:
        return _NOTHING
    value = _value(figure.value, unit)
    doubt = max(figure.high - figure.value, figure.value - figure.low)
    if doubt > _UNKNOWN_BYTES:
        return "unknown"
    return f"{value} ± {_value(doubt, unit)}" if doubt > 0 else value


def change_words(row: MetricComparison) -> str:
    """Return what can be said of the change: `-142 MiB ± 0.1 MiB`, `× 0.63 (0.58 to 0.70)`, `~`."""
    if row.answer is ChangeVerdict.SAME:
        return "~"
    change = row.change
    if change is None:
        return _NOTHING
    if row.unit is Unit.SECONDS:
        return f"× {change.value:.2f} ({change.low:.2f} to {change.high:.2f})"
    doubt = max(change.high - change.value, change.value - change.low)
    words = f"{'+' if change.value > 0 else '-'}{_value(abs(change.value), row.unit)}"
    return f"{words} ± {_value(doubt, row.unit)}" if doubt > 0 else words


def verdict_text(row: MetricComparison) -> str:
    """Return the last column: better, worse, nothing for `~`, or why nothing is known."""
    if row.answer is ChangeVerdict.SAME:
        return row.note
    return row.note if row.answer is ChangeVerdict.UNKNOWN else row.answer.value


@plainly
def render_comparison(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield what a terminal shows: what is compared, a table for each scenario, and the notes."""
    yield Text(f"before  {side_text(comparison.before)}", style="dim")
    yield Text(f"after   {side_text(comparison.after)}", style="dim")
    for contrast in comparison.contrasts:
        yield Text()
        yield Text(pair_text(contrast), style="bold")
        yield Padding(_table(contrast), (0, 0, 0, 2))
    if comparison.notes:
        yield Text()
    for note in comparison.notes:
        yield Text(f"{plain(note)}.")


@plainly
def markdown(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    """Yield one Markdown document with a table for each scenario."""
    before, after = code_span(side_text(comparison.before)), code_span(side_text(comparison.after))
    lines = [f"**before** {before} · **after** {after}"]
    for contrast in comparison.contrasts:
        lines += [
            "",
            f"### {code_span(pair_text(contrast))}",
            "",
            "| | before | after | change | |",
            "| --- | ---: | ---: | ---: | --- |",
        ]
        for row in contrast.rows:
            *figures, note = _cells(row)
            lines.append(f"| {' | '.join([*figures, _note(note)])} |")
    lines += ["", *(f"- {_note(note)}" for note in comparison.notes)] if comparison.notes else []
    yield "compare.md", ("\n".join(lines) + "\n").encode()


@plainly
def table(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    """Yield one CSV document: a line for each metric of each scenario, in bytes, seconds and shares."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    parts = ("value", "low", "high")
    arms = [f"{arm}_{part}" for arm in ("before", "after", "change") for part in parts]
    writer.writerow(["scenario", "metric", "unit", *arms, "answer", "note"])
    for contrast in comparison.contrasts:
        for row in contrast.rows:
            figures = [
                "" if figure is None else repr(getattr(figure, part))
                for figure in (row.before, row.after, row.change)
                for part in parts
            ]
            texts = [csv_cell(contrast.scenario), row.metric.value, row.unit.value]
            writer.writerow([*texts, *figures, row.answer.value, csv_cell(row.note)])
    yield "compare.csv", written.getvalue().encode()


def _table(contrast: ScenarioComparison) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("", "before", "after", "change"):
        shown.add_column(header, justify="right" if header else "left", no_wrap=True)
    shown.add_column("", overflow="fold")
    for row in contrast.rows:
        shown.add_row(
            *(Text(cell, style=_STYLES[row.answer] if at >= 3 else "") for at, cell in enumerate(_cells(row)))
        )
    return shown


def _cells(row: MetricComparison) -> tuple[str, ...]:
    return (
        row.metric.value,
        figure_words(row.before, row.unit),
        figure_words(row.after, row.unit),
        change_words(row),
        plain(verdict_text(row)),
    )


def pair_text(contrast: ScenarioComparison) -> str:
    """Return what is compared: one scenario, or two variants of it."""
    names = contrast.before if contrast.before == contrast.after else f"{contrast.before} → {contrast.after}"
    return plain(names)


def side_text(arm: Side) -> str:
    """Return what an arm is (`main · commit 0123abcde · cpython 3.11.7`)."""
    parts = [arm.label, f"commit {arm.commit[:9]}" if arm.commit else "", arm.python or ""]
    return plain(" · ".join(part for part in parts if part))


def _value(value: float, unit: Unit) -> str:
    if unit is Unit.BYTES:
        return format_size(value)
    if unit is Unit.SECONDS:
        return format_duration(value)
    return f"{value:.1%}" if unit is Unit.SHARE else f"{value:,.0f}"


def _note(text: str) -> str:
    """Return a sentence that Markdown shows as it is: what could mean something, an address too, stands in code."""
    return text if _TAME.fullmatch(text) else code_span(text)


_TAME = re.compile(r"(?:[A-Za-z](?:[A-Za-z ,;()']|: )*)?")
