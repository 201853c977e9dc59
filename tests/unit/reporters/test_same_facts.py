"""All reporters say the same: each says every statement about a result and a run, or its table says why it does not."""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from xml.etree import ElementTree

import pytest
from rich.console import Console

from leakcheck.model.answers import Readings, SkippedRequest, StatusCount
from leakcheck.model.baseline import BaselineChange
from leakcheck.model.child_processes import Children
from leakcheck.model.explanation import (
    KnownEntry,
    KnownLeak,
    PageKind,
    PeakSite,
    ResidentPart,
    Resource,
    ResourceKind,
)
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Advice, DjangoFacts, Host, Result
from leakcheck.model.run import Run, Shard
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters import github, gitlab, junit, markdown, pytest_text, terminal
from leakcheck.reporters.html import sections
from leakcheck.reporters.locations import Workspace
from leakcheck.reporters.messages.result import ResultFact, result_statements, rows_of
from leakcheck.reporters.messages.run import PHRASES, RunFact, run_phrases
from tests.unit.causes import SITE
from tests.unit.ci_runner import obeyed
from tests.unit.pages import page_of
from tests.unit.rendered import rendered
from tests.unit.reported import EXPLAINED
from tests.unit.runs import BROKEN, CLEAN, MIB, UNSURE, limit_of, run_of

LEAKING = replace(
    EXPLAINED,
    baseline_changes=(
        BaselineChange(metric="growth", before=96.0, after=144 * MIB, low=143 * MIB, high=145 * MIB, gate=Gate.OVER),
        BaselineChange(metric="peak", before=999 * MIB, after=93 * MIB, low=93 * MIB, high=93 * MIB, gate=Gate.WITHIN),
    ),
    resources=(
        Resource(
            kind=ResourceKind.OPEN_FILES,
            per_1000_calls=1000.0,
            low=1000.0,
            high=1000.0,
            budget_per_1000_calls=0.0,
            verdict=Verdict.LEAK,
            gate=Gate.OVER,
            count=1603,
        ),
    ),
    memory_limit=limit_of(3),
    response_statuses=(StatusCount(status=302, count=480, leads_to="/archive/"),),
    django=DjangoFacts(version="5.2", debug=False, fast_passwords=True),
    peak_sites=(PeakSite(bytes=90 * MIB, share=0.97, frames=SITE.frames, stacks=3),),
    advice=(Advice(trap="the outbox keeps every mail", remedy="clear it", evidence="django.core.mail.outbox"),),
    explanation=replace(EXPLAINED.explanation, notes=("tracing with memray ended early",)),
    known_leaks=(KnownLeak(entry="*SENT*", reason="ticket 12", bytes_per_1000_calls=3 * MIB, share=0.1),),
    readings=Readings(calls=(1, 20), python_bytes=(10, 20), rss_bytes=(4096, 8192)),
)
FAILED = replace(BROKEN, response_statuses=(StatusCount(status=200, count=700),))
UNCERTAIN = replace(
    UNSURE,
    resident=(ResidentPart(kind=PageKind.FREE, bytes_per_1000_calls=42.0 * MIB),),
    child_processes=Children(processes=4, unmeasured=2, verdict=Verdict.INCONCLUSIVE),
    peak_failure=Failure(kind=FailureKind.DIED, message="killed by SIGSEGV"),
    measured_on=Host(host="node-7", worker="tcp://node-7:1", attempts=2),
)
WITHOUT_PEAK = replace(
    CLEAN,
    scenario="fresh",
    gate=Gate.OVER,
    over_budget=("growth",),
    child_processes=Children(processes=1, unmeasured=0, verdict=Verdict.CLEAN, high=4096.0, held_bytes=(MIB,)),
    peak_failure=Failure(kind=FailureKind.MISSING, message="no memray"),
    is_new=True,
)
BETTER = replace(
    CLEAN,
    variant="improved",
    baseline_changes=(
        BaselineChange(
            metric="peak", before=20 * MIB, after=5 * MIB, low=5 * MIB, high=5 * MIB, gate=Gate.WITHIN, better=True
        ),
    ),
)
RUN = replace(
    run_of(LEAKING, FAILED, UNCERTAIN, WITHOUT_PEAK, BETTER, finished=False),
    baseline="leakcheck-baseline.json",
    missing_scenarios=("newsletter[gone]",),
    shard=Shard(number=2, count=3, whole=("parser", "warming", "other")),
    skipped_requests=(SkippedRequest(request="GET /logout/", reason="ends the session"),),
    known_leaks_not_found=(KnownEntry(match="*OUTBOX*", scenario="newsletter[outbox]", reason="ticket 7"),),
)
"""A run of which everything can be said that is ever said of one. All but one of its results do not pass."""
FAILING = RUN.results[:-1]
WORKSPACE = Workspace(root="/work", base_folder="/work")


def _terminal(run: Run) -> str:
    console = Console(file=io.StringIO(), width=2000, highlight=False, no_color=True, force_terminal=False)
    with console.capture() as captured:
        for part in terminal.render_run(run):
            console.print(part)
    return captured.get()


def _markdown(run: Run) -> str:
    page = rendered("".join(data.decode() for _, data in markdown.markdown(run)))
    return "\n".join([page.prose, *page.in_code, *(cell for row in page.rows for cell in row)])


def _html(run: Run) -> str:
    page = page_of(run)
    return "\n".join(element.text for element in page.elements if element.tag not in ("script", "style", "title"))


def _junit(run: Run) -> str:
    root = ElementTree.fromstring("".join(data.decode() for _, data in junit.junit(run, hostname="here")))
    return "\n".join([*root.itertext(), *(element.get("message", "") for element in root.iter("error"))])


def _github(run: Run) -> str:
    return "\n".join(command.data for command in obeyed("\n".join(github.annotations(run, WORKSPACE))))


def _gitlab(run: Run) -> str:
    [(_, data)] = gitlab.gitlab(run, WORKSPACE)
    return "\n".join(issue["description"] for issue in json.loads(data))


def _pytest_summary(run: Run) -> str:
    return "\n".join(line for result in run.results for line in pytest_text.summary_lines(result))


def _pytest_text(run: Run) -> str:
    return "\n".join(map(pytest_text.result_text, run.results))


_NO_RUN = "it reports one result, and no run"
_OF_ONE_RESULT = (RunFact.PEAKS_SKIPPED, RunFact.MISSING_METER, RunFact.HOSTS, RunFact.RETRIED)
REPORTERS: Mapping[str, tuple[Callable[[Run], str], Mapping[Enum, str]]] = {
    "terminal": (_terminal, terminal.LEFT_OUT),
    "markdown": (_markdown, markdown.LEFT_OUT),
    "html": (_html, sections.LEFT_OUT),
    "junit": (_junit, junit.LEFT_OUT),
    "github": (_github, github.LEFT_OUT),
    "gitlab": (_gitlab, gitlab.LEFT_OUT),
    "pytest's text": (
        _pytest_text,
        {**terminal.LEFT_OUT, **{kind: _NO_RUN for kind in RunFact if kind not in _OF_ONE_RESULT}},
    ),
    "pytest's summary": (_pytest_summary, {**pytest_text.LEFT_OUT_OF_SUMMARY, **dict.fromkeys(RunFact, _NO_RUN)}),
}
"""What each reporter prints of a run, as a reader sees it, and the kinds that it leaves out, with the reason."""


def statements(results: Iterable[Result], kind: Enum) -> list[str]:
    """Return the texts of a kind, of the run or of these results."""
    if isinstance(kind, RunFact):
        return run_phrases(RUN, kind)
    return [part.text for result in results for part in result_statements(result) if part.kind is kind]


def is_said(text: str, document: str) -> bool:
    """Return whether a text is in a document, but for line ends, and for a capital where it begins."""
    return " ".join(text[1:].split()) in " ".join(document.split())


@pytest.mark.parametrize("kind", [*ResultFact, *RunFact], ids=lambda kind: f"{type(kind).__name__}.{kind.name}")
@pytest.mark.parametrize("name", REPORTERS)
def test_every_reporter_says_every_fact_or_its_table_says_why_not(name: str, kind: Enum) -> None:
    render, left_out = REPORTERS[name]
    texts = statements(FAILING, kind)
    assert texts, "the run has each fact in it: give it the new one"
    if kind in left_out:
        assert left_out[kind]
        return
    document = render(RUN)
    missing = [text for text in texts if not all(is_said(part, document) for part in _parts(text, kind))]
    assert missing == []


def _parts(text: str, kind: Enum) -> list[str]:
    """Return what has to be said of a text: the columns of a row stand apart."""
    for part in (part for result in FAILING for part in result_statements(result)):
        if part.kind is kind and part.text == text and part.row is not None:
            return [part.row.label, part.row.where.strip(), *part.row.what.split("  ")]
    return [text]


@pytest.mark.parametrize("name", REPORTERS)
def test_what_a_table_leaves_out_is_not_said(name: str) -> None:
    """A reason that no longer holds is taken out of the table."""
    render, left_out = REPORTERS[name]
    document = render(RUN)
    said = {text[1:] for kind in [*ResultFact, *RunFact] if kind not in left_out for text in statements(FAILING, kind)}
    texts = [text for kind in left_out if kind not in PHRASES for text in statements(FAILING, kind)]
    assert [text for text in texts if len(text) > 20 and text[1:] not in said and is_said(text, document)] == []


def test_the_page_draws_the_causes_that_it_does_not_say() -> None:
    page = _html(RUN)
    rows = [row for result in FAILING for row in rows_of(result_statements(result))]
    assert [row for row in rows if not is_said(f" {row.where.strip().removeprefix('in ')}", page)] == []


@pytest.mark.parametrize("name", ["terminal", "markdown", "html", "gitlab"])
def test_nothing_is_said_twice(name: str) -> None:
    document = " ".join(REPORTERS[name][0](RUN).split())
    said = [part.text for result in FAILING for part in result_statements(result) if part.form == "sentence"]
    said += run_phrases(RUN, *RunFact)
    assert [text for text in said if len(text) > 20 and document.count(" ".join(text[1:].split())) > 1] == []
