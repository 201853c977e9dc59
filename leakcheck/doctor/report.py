"""What `leakcheck doctor` found: as lines for a terminal, and as text that can be put into an issue."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakcheck.doctor.model import Check, CheckState, DoctorReport
from leakcheck.model.plain_text import plain
from leakcheck.reporters.escape import inert, plainly

_MARKS = {
    CheckState.GOOD: ("✓", "green"),
    CheckState.NOTE: ("·", "dim"),
    CheckState.LESS: ("!", "yellow"),
    CheckState.BROKEN: ("✗", "bold red"),
}
_WORDS = {CheckState.GOOD: "ok", CheckState.NOTE: "note", CheckState.LESS: "less", CheckState.BROKEN: "broken"}
_FENCE = "~~~~~~~~"


@plainly
def render_examination(found: DoctorReport) -> Iterator[RenderableType]:
    """Yield what a terminal shows: a table for each part, the remedy below what is not as it could be, the answer."""
    for part, findings in _by_part(found):
        yield Text(part, style="bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        for overflow in ("fold", "fold", "fold"):
            table.add_column(overflow=overflow)
        for one in findings:
            mark, style = _MARKS[one.state]
            table.add_row(Text(f"  {mark}", style=style), Text(plain(one.name)), Text(plain(one.says)))
            if one.remedy:
                table.add_row("", "", Text(f"→ {plain(one.remedy)}", style="dim"))
        yield table
        yield Text()
    yield Text(answer(found), style="bold")


def answer(found: DoctorReport) -> str:
    """Return the whole in a sentence or two."""
    if broken := found.of(CheckState.BROKEN):
        return f"Nothing can be measured here before this is mended: {', '.join(plain(one.name) for one in broken)}."
    said = f"Here {plain(found.summary)}."
    less = ", ".join(plain(one.name) for one in found.of(CheckState.LESS))
    return f"{said} Less than could be: {less}." if less else said


@plainly
def markdown(found: DoctorReport) -> Iterator[tuple[str, bytes]]:
    """Yield one document: a block of text, which shows as it is wherever Markdown is read."""
    lines = [f"leakcheck {found.leakcheck}", answer(found)]
    for part, findings in _by_part(found):
        width = max(len(one.name) for one in findings)
        lines += ["", plain(part)]
        for one in findings:
            lines.append(f"  {_WORDS[one.state]:<6}  {plain(one.name):<{width}}  {plain(one.says)}")
            if one.remedy:
                lines.append(f"{'':<{width + 10}}  -> {plain(one.remedy)}")
    text = inert("\n".join(lines)).replace(_FENCE, "~ " * 4)
    yield "doctor.md", f"{_FENCE}text\n{text}\n{_FENCE}\n".encode("utf-8", "backslashreplace")


def _by_part(found: DoctorReport) -> Iterator[tuple[str, list[Check]]]:
    for part, findings in groupby(found.findings, key=lambda one: one.part):
        yield part, list(findings)
