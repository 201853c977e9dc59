"""A run as GitHub annotations: one line each, printed, and shown at the line of the source that is to blame.

The grammar is `::error file=…,line=…,title=…::message`. The runner keeps ten of a kind for each
step and cuts a message at 4096 characters; so the worst come first, and the last one tells of the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leakcheck.model.plain_text import cut, plain
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import plainly
from leakcheck.reporters.locations import Location, Workspace, locate
from leakcheck.reporters.messages.result import headline, run_sentences, story, worst_first

MOST_OF_A_KIND = 10
_MOST_CHARACTERS = 4000
_MOST_IN_TITLE = 200
_KINDS = {Gate.OVER: "error", Gate.ERROR: "error", Gate.INCONCLUSIVE: "warning"}
_REST = {
    "error": "more scenarios are over budget, or could not be measured",
    "warning": "more scenarios are inconclusive",
    "notice": "more budgets and known leaks could be tightened",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Annotation:
    kind: str
    title: str
    message: str
    location: Location | None = None


@plainly
def annotations(run: Run, workspace: Workspace) -> Iterator[str]:
    """Yield the workflow commands that annotate a run, each a line without its end; none where all is well."""
    for kind in _REST:
        of_kind = [one for one in _all(run, workspace) if one.kind == kind]
        shown = of_kind if len(of_kind) <= MOST_OF_A_KIND else of_kind[: MOST_OF_A_KIND - 1]
        yield from map(_command, shown)
        if rest := of_kind[len(shown) :]:
            yield _command(_summed_up(kind, rest))


def _all(run: Run, workspace: Workspace) -> Iterator[_Annotation]:
    for result in worst_first(run.results):
        if (kind := _KINDS.get(result.gate)) is not None:
            message = "\n".join(story(result))
            yield _Annotation(kind=kind, title=headline(result), message=message, location=locate(result, workspace))
    for sentence in run_sentences(run):
        yield _Annotation(kind="notice", title="something can be tidied up", message=sentence)


def _summed_up(kind: str, rest: Sequence[_Annotation]) -> _Annotation:
    message = "\n".join(one.title for one in rest)
    return _Annotation(kind=kind, title=f"{len(rest)} {_REST[kind]}", message=message)


def _command(annotation: _Annotation) -> str:
    location = annotation.location
    properties = {} if location is None else {"file": plain(location.file), "line": str(location.line or "")}
    properties["title"] = cut(f"leakcheck: {annotation.title}", _MOST_IN_TITLE)
    said = ",".join(f"{name}={as_property(value)}" for name, value in properties.items() if value)
    return f"::{annotation.kind} {said}::{as_data(cut(annotation.message, _MOST_CHARACTERS))}"


def as_data(text: str) -> str:
    """Return a message as the runner reads it back; nothing in it can end the line or begin another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def as_property(text: str) -> str:
    """Return a property's value as the runner reads it back; nothing in it can begin another property."""
    return as_data(text).replace(":", "%3A").replace(",", "%2C")
