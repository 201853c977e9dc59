"""A run as GitHub annotations: workflow commands, one a line, that GitHub shows at the source line to blame.

The grammar is `::error file=…,line=…,title=…::message`. The runner keeps ten of a kind for each
step and cuts a message at 4096 characters; so the worst come first, and the last one sums up the rest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from leakcheck.model.plain_text import escape_control, shorten
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.locations import Location, Workspace, locate
from leakcheck.reporters.messages.result import ResultFact, headline, lines_of, result_statements, worst_first
from leakcheck.reporters.messages.run import RunFact, run_phrases

_FACTS = (RunFact.OUTCOME, RunFact.ENVIRONMENT, RunFact.BASELINE, RunFact.DURATION, RunFact.SKIPPED_REQUESTS)
_HOSTS = (RunFact.HOSTS, RunFact.RETRIED, RunFact.SHARD)
LEFT_OUT: Mapping[Enum, str] = {
    ResultFact.PEAK_SKIPPED: "said once for the run",
    RunFact.MISSING_METER: "said of each result that is annotated",
    **dict.fromkeys((*_FACTS, *_HOSTS), "an annotation is for what somebody has to look at or to change"),
}
"""What is not said here, and why."""

MOST_OF_A_KIND = 10
_MOST_CHARACTERS = 4000
_MOST_IN_TITLE = 200
_KINDS = {Gate.OVER: "error", Gate.ERROR: "error", Gate.INCONCLUSIVE: "warning"}
_REST = {
    "error": "more scenarios fail, or could not be measured",
    "warning": "more scenarios are inconclusive",
    "notice": "more remarks on the run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Annotation:
    kind: str
    title: str
    message: str
    location: Location | None = None


@escape_arguments
def annotations(run: Run, workspace: Workspace) -> Iterator[str]:
    """Yield workflow commands without line ends; none for a run that passes, and of which there is nothing to say."""
    for kind in _REST:
        of_kind = [annotation for annotation in _annotations(run, workspace) if annotation.kind == kind]
        most = MOST_OF_A_KIND if len(of_kind) <= MOST_OF_A_KIND else MOST_OF_A_KIND - 1
        yield from map(_command, of_kind[:most])
        if rest := of_kind[most:]:
            message = "\n".join(annotation.title for annotation in rest)
            yield _command(_Annotation(kind=kind, title=f"{len(rest)} {_REST[kind]}", message=message))


def _annotations(run: Run, workspace: Workspace) -> Iterator[_Annotation]:
    for result in worst_first(run.results):
        if (kind := _KINDS.get(result.gate)) is not None:
            message = "\n".join(lines_of(result_statements(result, LEFT_OUT)))
            yield _Annotation(kind=kind, title=headline(result), message=message, location=locate(result, workspace))
    for text in run_phrases(run, *(kind for kind in RunFact if kind not in LEFT_OUT)):
        yield _Annotation(kind="notice", title="about this run", message=text)


def _command(annotation: _Annotation) -> str:
    location = annotation.location
    properties = {} if location is None else {"file": escape_control(location.file), "line": str(location.line or "")}
    properties["title"] = shorten(f"leakcheck: {annotation.title}", _MOST_IN_TITLE)
    pairs = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items() if value)
    return f"::{annotation.kind} {pairs}::{escape_message(shorten(annotation.message, _MOST_CHARACTERS))}"


def escape_message(text: str) -> str:
    """Return a message with what could end the line escaped; the runner decodes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Return a property's value with what could begin another property escaped, too."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")
