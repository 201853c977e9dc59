"""Every reporter, the documents that it is given, and how its output is checked to be whole and harmless."""

import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console, RenderableType

from leakcheck.doctor import report
from leakcheck.doctor.model import DoctorReport
from leakcheck.model.baseline import Baseline, BaselineStep
from leakcheck.model.comparison import Comparison
from leakcheck.model.history import HistoryEntry, Regression
from leakcheck.model.run import Run
from leakcheck.reporters import baseline as accepted
from leakcheck.reporters import comparison, history, pytest_text, terminal
from leakcheck.reporters.export.collapsed import collapsed
from leakcheck.reporters.export.run_csv import run_csv
from leakcheck.reporters.export.speedscope import speedscope
from leakcheck.reporters.export.stacks import StackKind
from leakcheck.reporters.github import annotations
from leakcheck.reporters.gitlab import gitlab
from leakcheck.reporters.html.page import render_comparison, render_report
from leakcheck.reporters.junit import junit
from leakcheck.reporters.locations import Workspace
from leakcheck.reporters.markdown import markdown
from leakcheck.reporters.plots import draw_history, draw_pair, draw_run
from tests.unit.runs import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One of each document."""

    run: Run
    baseline: Baseline
    comparison: Comparison
    record: HistoryEntry
    examination: DoctorReport


def _lines(parts: Iterable[RenderableType]) -> bytes:
    console = Console(file=io.StringIO(), width=100, highlight=False, no_color=True, force_terminal=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get().encode()


def _joined(documents: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(data for _, data in documents)


def _entries(facts: Facts) -> list[BaselineStep]:
    (entries,) = facts.baseline.environments.values()
    return [BaselineStep(scenario=name, before=None, after=entry) for name, entry in entries.items()]


def _step(facts: Facts) -> Regression:
    return Regression(metric="growth", before=facts.record, after=facts.record, before_bytes=1, after_bytes=2)


REPORTERS: Mapping[str, Callable[[Facts], bytes]] = {
    "terminal.render_run": lambda facts: _lines(terminal.render_run(facts.run, Path("reports"), columns=70)),
    "pytest_text.result_text": lambda facts: "\n".join(map(pytest_text.result_text, facts.run.results)).encode(),
    "pytest_text.summary_lines": lambda facts: "\n".join(
        sentence for result in facts.run.results for sentence in pytest_text.summary_lines(result)
    ).encode(),
    "pytest_text.result_row": lambda facts: "\n".join(
        " ".join(pytest_text.result_row(result)) for result in facts.run.results
    ).encode(),
    "markdown.markdown": lambda facts: _joined(markdown(facts.run)),
    "junit.junit": lambda facts: _joined(junit(facts.run, hostname="runner")),
    "gitlab.gitlab": lambda facts: _joined(gitlab(facts.run, Workspace(root="/work", base_folder="/work"))),
    "github.annotations": lambda facts: "\n".join(
        annotations(facts.run, Workspace(root="/work", base_folder="/work"))
    ).encode(),
    "terminal.render_svg": lambda facts: _joined(terminal.render_svg(facts.run)),
    "export.collapsed.collapsed": lambda facts: _joined(collapsed(facts.run, StackKind.PEAK)),
    "export.speedscope.speedscope": lambda facts: _joined(speedscope(facts.run)),
    "export.run_csv.run_csv": lambda facts: _joined(run_csv(facts.run)).replace(b"\r\n", b"\n"),
    "html.page.render_report": lambda facts: _joined(render_report(facts.run)),
    "html.page.render_comparison": lambda facts: _joined(render_comparison(facts.comparison)),
    "comparison.render_comparison": lambda facts: _lines(comparison.render_comparison(facts.comparison)),
    "comparison.markdown": lambda facts: _joined(comparison.markdown(facts.comparison)),
    "comparison.csv_table": lambda facts: _joined(comparison.csv_table(facts.comparison)).replace(b"\r\n", b"\n"),
    "baseline.render_baseline": lambda facts: _lines(accepted.render_baseline(facts.baseline)),
    "baseline.render_update": lambda facts: _lines(accepted.render_update(_entries(facts))),
    "baseline.acceptance_notes": lambda facts: "\n".join(
        sentence
        for result in facts.run.results
        for step in _entries(facts)
        if step.after is not None
        for sentence in accepted.acceptance_notes(result, step.after)
    ).encode(),
    "baseline.render_comparison": lambda facts: _lines(
        accepted.render_comparison(facts.run, next(iter(facts.baseline.environments.values())))
    ),
    "history.render_all": lambda facts: _lines(
        history.render_all([([facts.record], [_step(facts)])], encoding="utf-8")
    ),
    "history.render_one": lambda facts: _lines(
        history.render_one([facts.record], [_step(facts)], TOLERANCE, encoding="utf-8")
    ),
    "doctor.report.render_report": lambda facts: _lines(report.render_report(facts.examination)),
    "doctor.report.markdown": lambda facts: _joined(report.markdown(facts.examination)),
}
PICTURES: Mapping[str, Callable[[Facts], bytes]] = {
    "plots.draw_run": lambda facts: b"\n".join(data for _, data in draw_run(facts.run.results[:4], ("svg",))),
    "plots.draw_pair": lambda facts: _joined(
        draw_pair(facts.run.results[0], facts.run.results[1], facts.comparison.scenarios[0], ("svg",))
    ),
    "plots.draw_history": lambda facts: _joined(draw_history([facts.record], [_step(facts)], ("svg",))),
}
"""These take a tenth of a second each."""


def obeyed_letters(document: bytes) -> list[str]:
    """Return what a terminal, or whoever shows the document, would obey of it."""
    return sorted(
        {letter for letter in document.decode() if unicodedata.category(letter) in _OBEYED and letter != "\n"}
    )


_OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def refuse_broken(name: str, document: bytes) -> None:
    """Raise where a document is not whole: XML that does not parse, JSON that is none."""
    if not document:
        return  # of a run without stacks there is no file of stacks
    if name == "plots.draw_run":
        for part in document.split(b'<?xml version="1.0"')[1:]:
            ElementTree.fromstring(b'<?xml version="1.0"' + part)
    elif name in ("junit.junit", "terminal.render_svg") or name.startswith("plots."):
        ElementTree.fromstring(document)
    elif name in ("gitlab.gitlab", "export.speedscope.speedscope"):
        json.loads(document)
