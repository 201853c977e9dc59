"""Make the report of `leakcheck doctor`, and render it for a terminal, as text for an issue, and as JSON.

The report is meant for public issues: it must not contain paths or names of users and hosts, even in error messages.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leakcheck import __version__
from leakcheck.doctor import interpreter, machine
from leakcheck.doctor.checks import findings
from leakcheck.doctor.model import CheckState, DoctorReport, Finding, InterpreterFacts, MachineFacts, ProjectFacts
from leakcheck.model.document_text import replace_invalid_texts
from leakcheck.model.failure import Failure
from leakcheck.model.plain_text import escape_control
from leakcheck.reporters.escape import escape_arguments, escape_ci_commands

_MARKS = {
    CheckState.OK: ("✓", "green"),
    CheckState.NOTE: ("·", "dim"),
    CheckState.LIMITED: ("!", "yellow"),
    CheckState.BROKEN: ("✗", "bold red"),
}
_FENCE = "~~~~~~~~"
_PATH = re.compile(r"(?<![\w/.…~])/(?!proc\b|sys\b)(?:[^\s/'\",:;)]+/)*(?P<last>[^\s/'\",:;)]+)/?")


def make_report(measured: InterpreterFacts | Failure, host: MachineFacts, project: ProjectFacts) -> DoctorReport:
    """Return the findings of all checks, without private names."""
    if isinstance(measured, Failure):
        summary, found = "Nothing can be measured.", [_cannot_start(measured)]
    else:
        summary = interpreter.summary(measured)
        found = list(findings(interpreter.INTERPRETER_GROUPS, measured))
    found += findings(machine.MACHINE_GROUPS, host)
    found += findings(machine.PROJECT_GROUPS, project)
    public = (
        replace(finding, message=without_paths(finding.message), remedy=without_paths(finding.remedy))
        for finding in found
    )
    return DoctorReport(leakcheck=__version__, summary=summary, findings=tuple(public))


def _cannot_start(failure: Failure) -> Finding:
    return Finding(
        group=interpreter.HEADING,
        name="Python",
        state=CheckState.BROKEN,
        message=" ".join(filter(None, (failure.message, *(failure.details or "").splitlines()[-1:]))),
        remedy="name another interpreter with --python; leakcheck measures CPython 3.11 and later",
    )


@escape_arguments
def render_report(report: DoctorReport) -> Iterator[RenderableType]:
    """Yield a table for each group, with the remedy below a check that has one, and the answer at the end."""
    for heading, group in groupby(report.findings, key=attrgetter("group")):
        yield Text(heading, style="bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        for overflow in ("fold", "fold", "fold"):
            table.add_column(overflow=overflow)
        for finding in group:
            mark, style = _MARKS[finding.state]
            name, message = Text(escape_control(finding.name)), Text(escape_control(finding.message))
            table.add_row(Text(f"  {mark}", style=style), name, message)
            if finding.remedy:
                table.add_row("", "", Text(f"→ {escape_control(finding.remedy)}", style="dim"))
        yield table
        yield Text()
    yield Text(overall_answer(report), style="bold")


def overall_answer(report: DoctorReport) -> str:
    """Return the report in a sentence or two."""
    if broken := report.names(CheckState.BROKEN):
        return f"Nothing can be measured until this is fixed: {escape_control(broken)}."
    limited = report.names(CheckState.LIMITED)
    return escape_control(f"{report.summary} Limited: {limited}." if limited else report.summary)


@escape_arguments
def markdown(report: DoctorReport) -> Iterator[tuple[str, bytes]]:
    """Yield one document: a fenced block, so that Markdown shows its text as it is."""
    lines = [f"leakcheck {report.leakcheck}", overall_answer(report)]
    for heading, group in groupby(report.findings, key=attrgetter("group")):
        rows = list(group)
        width = max(len(finding.name) for finding in rows)
        lines += ["", escape_control(heading)]
        for finding in rows:
            name, message = escape_control(finding.name), escape_control(finding.message)
            lines.append(f"  {finding.state:<7}  {name:<{width}}  {message}")
            if finding.remedy:
                lines.append(f"{'':<{width + 11}}  -> {escape_control(finding.remedy)}")
    text = escape_ci_commands("\n".join(lines)).replace(_FENCE, "~ " * 4)
    yield "doctor.md", f"{_FENCE}text\n{text}\n{_FENCE}\n".encode("utf-8", "backslashreplace")


def encode(report: DoctorReport) -> bytes:
    """Return a report as JSON."""
    return msgspec.json.format(msgspec.json.encode(replace_invalid_texts(report)), indent=2) + b"\n"


def without_paths(text: str) -> str:
    """Return the text with every absolute path shortened to its last name."""
    for path, replacement in _known_paths():
        text = text.replace(path, replacement)
    return _PATH.sub(lambda match: f"…/{match['last']}", text)


def _known_paths() -> Iterator[tuple[str, str]]:
    """Yield known folders with their replacements, longest first; `_PATH` would miss those with spaces."""
    known = {
        str(Path.cwd()): ".",
        sys.prefix: "…",
        sys.base_prefix: "…",
        tempfile.gettempdir(): "…",
        str(Path.home()): "~",
    }
    yield from sorted((item for item in known.items() if len(item[0]) > 1), key=lambda item: -len(item[0]))
