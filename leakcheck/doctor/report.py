"""Render the report of `leakcheck doctor`, for a terminal and as text for an issue."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakcheck.doctor.model import Check, CheckState, DoctorReport
from leakcheck.model.plain_text import escape_control
from leakcheck.reporters.escape import escape_arguments, escape_ci_commands

_MARKS = {
    CheckState.GOOD: ("✓", "green"),
    CheckState.NOTE: ("·", "dim"),
    CheckState.LESS: ("!", "yellow"),
    CheckState.BROKEN: ("✗", "bold red"),
}
_WORDS = {CheckState.GOOD: "ok", CheckState.NOTE: "note", CheckState.LESS: "less", CheckState.BROKEN: "broken"}
_FENCE = "~~~~~~~~"


@escape_arguments
def render_report(report: DoctorReport) -> Iterator[RenderableType]:
    """Yield a table for each part, with the remedy below a check that has one, and the answer at the end."""
    for part, checks in _by_part(report):
        yield Text(part, style="bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        for overflow in ("fold", "fold", "fold"):
            table.add_column(overflow=overflow)
        for check in checks:
            mark, style = _MARKS[check.state]
            table.add_row(
                Text(f"  {mark}", style=style), Text(escape_control(check.name)), Text(escape_control(check.says))
            )
            if check.remedy:
                table.add_row("", "", Text(f"→ {escape_control(check.remedy)}", style="dim"))
        yield table
        yield Text()
    yield Text(overall_answer(report), style="bold")


def overall_answer(report: DoctorReport) -> str:
    """Return the report in a sentence or two."""
    if broken := report.with_state(CheckState.BROKEN):
        names = ", ".join(escape_control(check.name) for check in broken)
        return f"Nothing can be measured here before this is mended: {names}."
    text = f"Here {escape_control(report.summary)}."
    less = ", ".join(escape_control(check.name) for check in report.with_state(CheckState.LESS))
    return f"{text} Less than could be: {less}." if less else text


@escape_arguments
def markdown(report: DoctorReport) -> Iterator[tuple[str, bytes]]:
    """Yield one document: a fenced block, so that Markdown shows its text as it is."""
    lines = [f"leakcheck {report.leakcheck}", overall_answer(report)]
    for part, checks in _by_part(report):
        width = max(len(check.name) for check in checks)
        lines += ["", escape_control(part)]
        for check in checks:
            lines.append(
                f"  {_WORDS[check.state]:<6}  {escape_control(check.name):<{width}}  {escape_control(check.says)}"
            )
            if check.remedy:
                lines.append(f"{'':<{width + 10}}  -> {escape_control(check.remedy)}")
    text = escape_ci_commands("\n".join(lines)).replace(_FENCE, "~ " * 4)
    yield "doctor.md", f"{_FENCE}text\n{text}\n{_FENCE}\n".encode("utf-8", "backslashreplace")


def _by_part(report: DoctorReport) -> Iterator[tuple[str, list[Check]]]:
    for part, checks in groupby(report.findings, key=lambda check: check.part):
        yield part, list(checks)
