"""The end of every verb that measures: watch, save, report, tell, and answer with the exit code."""

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from leakcheck.cli.options import OptionalBaselineOptions
    from leakcheck.cli.outputs import OutputOptions
    from leakcheck.cli.report import ReportOption
    from leakcheck.runner.session import RunOutcome, RunRequest


def measure_and_tell(
    request: "RunRequest", outputs: "OutputOptions", reporting: "ReportOption", *, closer: bool = False
) -> NoReturn:
    """Measure what is requested, and tell it wherever it is wanted; `closer` names what to look at again.

    Raises Exit with the code, or LeakcheckError.
    """
    outcome = told(request, outputs, reporting)
    if closer:
        _tell_what_to_look_at(outcome)
    raise typer.Exit(outcome.exit_code(allow_inconclusive=request.settings.allow_inconclusive))


def _tell_what_to_look_at(outcome: "RunOutcome") -> None:
    import sys

    from leakcheck.reporters.messages.commands import closer_look

    sentence = closer_look(outcome.run.results, outcome.run.command)
    if sentence is not None:
        print(sentence, file=sys.stderr)  # a document may have taken stdout


def compared_with(request: "RunRequest", beside: "OptionalBaselineOptions") -> "RunRequest":
    """Return the request with the baseline that was named to compare with; without one, as it is. Raises NoBaseline."""
    if beside.baseline is None:
        return request
    return against_baseline(request)


def against_baseline(request: "RunRequest") -> "RunRequest":
    """Return the request with the baseline that its settings name. Raises NoBaseline where there is none."""
    from leakcheck.runner.baseline import load_against

    targets = [str(target) for target in request.targets]
    return replace(request, against=load_against(request.settings, targets, request.command))


def told(request: "RunRequest", outputs: "OutputOptions", reporting: "ReportOption") -> "RunOutcome":
    """Measure what is requested, tell it wherever it is wanted, and return how it came out. Raises LeakcheckError."""
    from leakcheck.cli.progress import watching
    from leakcheck.runner import session

    with watching() as observer:
        outcome = session.run(request, observer)
    page, failed = None, None
    try:
        page = reporting.write(outcome.run, outcome.folder) if outcome.unsaved is None else None
    except Exception as error:  # the table is told all the same
        failed = error
    outputs.tell(outcome.run, outcome.folder, page, allow_inconclusive=request.settings.allow_inconclusive)
    if failed is not None:
        raise failed
    if outcome.unsaved is not None:
        raise outcome.unsaved
    if outcome.lost is not None:
        raise outcome.lost
    return outcome
